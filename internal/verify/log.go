package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
)

// log.go: one partition's log as a sequence of pieces, in order: records, and ranges that cannot be read. It is fetched ahead. After it partition.go.

const (
	fetchBytes = 1 << 20
	pollWait   = 500 * time.Millisecond
	// patience is how long a partition may be without an answer, and how long its log may be shorter than the ledger says, before that counts.
	patience = 60 * time.Second
	// endPatience is for a log that ends before the ledger's position: a new leader may know less for a moment.
	endPatience = 5 * time.Second
	// fetchPause is between two tries.
	fetchPause = 250 * time.Millisecond
	// corruptTries is how often a batch must be found corrupt before it counts.
	corruptTries = 3
)

// stretch is why a range of offsets could not be read.
type stretch int

const (
	stretchRead       stretch = iota
	stretchGone               // below the log start: retention took it
	stretchUnreadable         // a batch that is corrupt, or larger than the limit
	stretchBeyond             // the log ends before it
	stretchOther              // the topic is another one
	stretchLarge              // a batch that needs a larger buffer: fetching begins anew there
)

// piece is a range of the log. Its next is where the following piece begins.
type piece struct {
	kind  stretch
	first int64
	next  int64
	log   *partlog.Fetched // of stretchRead
	why   string           // of the others
	size  int              // of stretchLarge: bytes to allow
}

// logReader reads the ranges that are looked at of one partition.
type logReader struct {
	reader    *partlog.Reader
	place     Place
	id        partlog.TopicID
	selection *selection
	most      int // bytes of a batch that is opened at all

	first, next int64 // of all ranges
}

// usualBuffer is enough for what producers send: a fetch, and a batch of it decompressed.
const usualBuffer = 2 * fetchBytes

// turn ends a fetching that has to begin anew: with another buffer, or behind a batch.
type turn struct {
	position int64
	buffer   int // bytes
}

func (t *turn) Error() string { return fmt.Sprintf("go on at %d", t.position) }

// read calls visit for each piece, in order. visit may use the records of a piece until it returns, and must walk them to the end.
func (r *logReader) read(ctx context.Context, visit func(piece) error) error {
	next := &turn{position: r.first, buffer: usualBuffer}
	for {
		err := r.readFrom(ctx, *next, visit)
		if !errors.As(err, &next) {
			return err
		}
	}
}

// readFrom reads until the end, or a *turn. With a buffer that is larger than usual it reads one piece, and nothing ahead: there is one such
// buffer at a time.
func (r *logReader) readFrom(ctx context.Context, from turn, visit func(piece) error) error {
	once := from.buffer > usualBuffer
	ahead := 2
	if once {
		ahead = 0
	}
	pieces := make(chan piece, ahead)
	buffers := make(chan *partlog.Fetched, ahead+1)
	for range ahead + 1 {
		buffers <- nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(pieces)
		return r.fetch(ctx, from, buffers, pieces)
	})
	g.Go(func() error {
		for p := range pieces {
			if p.kind == stretchLarge {
				return &turn{position: p.first, buffer: p.size}
			}
			if err := visit(p); err != nil {
				return err
			}
			switch {
			case p.log == nil:
			case p.log.Err() != nil:
				return r.around(p, from.buffer, visit)
			case once:
				return &turn{position: p.next, buffer: usualBuffer}
			default:
				buffers <- p.log
			}
		}
		return nil
	})
	return g.Wait()
}

// around decides about a batch that turned out to be unreadable when it was opened in so many bytes.
func (r *logReader) around(p piece, buffer int, visit func(piece) error) error {
	at, next := p.log.Position(), int64(0)
	cause := p.log.Err()
	var large *partlog.TooLargeError
	var corrupt *partlog.CorruptError
	switch {
	case errors.As(cause, &large) && large.Size <= r.most && large.Size > buffer:
		return &turn{position: at, buffer: large.Size}
	case errors.As(cause, &large):
		next = large.Next
	case errors.As(cause, &corrupt):
		next = corrupt.Next
	default:
		return cause
	}
	next = max(next, at+1)
	if err := visit(piece{kind: stretchUnreadable, first: at, next: next, why: cause.Error()}); err != nil {
		return err
	}
	return &turn{position: next, buffer: usualBuffer}
}

// fetch sends the pieces of all ranges from a position on.
func (r *logReader) fetch(ctx context.Context, from turn, buffers chan *partlog.Fetched, out chan<- piece) error {
	for position := from.position; ; {
		span := r.selection.within(r.place.Partition, position, r.next)
		if span.first >= span.next {
			return nil
		}
		position = span.first
		for position < span.next {
			var into *partlog.Fetched
			select {
			case into = <-buffers:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			p, err := r.fetchPiece(ctx, turn{position, from.buffer}, into)
			if err != nil {
				return err
			}
			if p.log == nil {
				buffers <- into // which has room for it
			}
			select {
			case out <- p:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if position = p.next; p.kind == stretchBeyond || p.kind == stretchOther || p.kind == stretchLarge {
				return nil
			}
		}
	}
}

// fetchPiece asks until there is an answer.
func (r *logReader) fetchPiece(ctx context.Context, at turn, into *partlog.Fetched) (piece, error) {
	position := at.position
	began := time.Now()
	var beyondSince time.Time
	for corrupt := 1; ; {
		got, err := r.reader.Fetch(ctx, position, partlog.FetchOptions{
			MaxBytes: fetchBytes, BufferBytes: at.buffer, MaxWait: pollWait, TopicID: r.id,
		}, into)
		var outOfRange *partlog.OutOfRangeError
		var large *partlog.TooLargeError
		var damaged *partlog.CorruptError
		var other *partlog.OtherTopicError
		switch {
		case err == nil && got.Next() > position:
			return piece{first: position, next: got.Next(), log: got}, nil
		case err == nil: // the log should go on here and does not
			into = got
			if beyondSince.IsZero() {
				beyondSince = time.Now()
			}
			if time.Since(beyondSince) >= endPatience {
				return r.beyond(position, got.LastStable), nil
			}
		case ctx.Err() != nil:
			return piece{}, context.Cause(ctx)
		case errors.As(err, &other):
			return piece{kind: stretchOther, first: position, next: r.next, why: other.Error()}, nil
		case errors.As(err, &outOfRange) && position < outOfRange.LogStart:
			return piece{kind: stretchGone, first: position, next: min(outOfRange.LogStart, r.next)}, nil
		case errors.As(err, &outOfRange):
			if beyondSince.IsZero() {
				beyondSince = time.Now()
			}
			if time.Since(beyondSince) >= endPatience {
				return r.beyond(position, outOfRange.HighWatermark), nil
			}
		case errors.As(err, &large) && large.Size <= r.most && large.Size > at.buffer:
			return piece{kind: stretchLarge, first: position, next: position, size: large.Size}, nil
		case errors.As(err, &large):
			next := r.next // where the batch ends is not known
			if large.Next > position {
				next = large.Next
			}
			return piece{kind: stretchUnreadable, first: position, next: next, why: err.Error()}, nil
		case errors.As(err, &damaged):
			if corrupt++; corrupt > corruptTries {
				return piece{kind: stretchUnreadable, first: position, next: max(damaged.Next, position+1), why: err.Error()}, nil
			}
		case !partlog.Retriable(err), time.Since(began) > patience:
			return piece{}, fmt.Errorf("read %s: %w", r.place, err)
		}
		if err := servers.Pause(ctx, fetchPause); err != nil {
			return piece{}, err
		}
	}
}

func (r *logReader) beyond(position, end int64) piece {
	return piece{kind: stretchBeyond, first: position, next: r.next, why: fmt.Sprintf("the log ends at %d", end)}
}
