package sink

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// put.go: the third stage of a pipeline: batches in order, each written however often it takes. Before it decode.go; write.go is one attempt.

// positionInterval is how often a position that moves over no records is written at most.
const positionInterval = time.Second

// writeAll writes batches in order until in is closed, and hands their memory back to free. A batch that only moves the position waits for
// company, for positionInterval at most. It returns what the last batch says comes after it, errMoved if it is told that the ledger is
// elsewhere while it has nothing to write.
func (p *pipeline) writeAll(ctx context.Context, in <-chan *batch, free chan<- *batch) error {
	var held *batch
	var due <-chan time.Time // fires when held must not wait any longer
	var wrote time.Time
	for {
		var b *batch
		select {
		case next, open := <-in:
			if !open {
				err := p.put(ctx, held)
				if held != nil && !held.retried {
					free <- held
				}
				return err
			}
			b = next
			if held != nil {
				b.follow(held)
				free <- held
				held, due = nil, nil
			}
			if wait := positionInterval - time.Since(wrote); b.positionOnly() && b.after == nil && wait > 0 {
				held, due = b, time.After(wait)
				continue
			}
		case <-due:
			b, held, due = held, nil, nil
		case <-p.state.moved:
			return errMoved
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := p.put(ctx, b); err != nil {
			return err
		}
		wrote = time.Now()
		after := b.after
		if b.retried {
			b = new(batch) // pgx does not wait for what reads rows when a connection breaks
		}
		free <- b
		if after != nil {
			return after
		}
	}
}

// put writes b, however often it takes, and tells everybody who wants to know. Outages are waited for here. It returns errMoved if the
// ledger is elsewhere, ErrTooManyDeadLetters if the breaker does not let b pass.
func (p *pipeline) put(ctx context.Context, b *batch) error {
	if b == nil || b.first == b.next {
		return nil
	}
	b.seal()
	trouble := p.sink.outage("postgres")
	defer trouble.forget()
	uncertain := false // an attempt may have been durable without our knowing
	late, slow := 0, 0 // attempts that took all of transactionTimeout, and that PostgreSQL cancelled for their length
	for {
		after, err := p.breaker.admit(b)
		if err != nil {
			return err
		}
		started := time.Now()
		err = p.write(ctx, b)
		if err == nil {
			trouble.ended(ctx)
			p.breaker = after
			p.wrote(b, time.Since(started))
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.retried = true
		p.log.DebugContext(ctx, "write failed", "batch", b.String(), "err", err)
		var unknown *outcomeUnknownError
		uncertain = uncertain || errors.As(err, &unknown)
		if errors.Is(err, context.DeadlineExceeded) && time.Since(started) >= transactionTimeout {
			late++
		}
		switch p.mend(ctx, b, err, uncertain, trouble) {
		case mended:
			if late > 1 && p.rows.shrink() { // once may be an outage
				return &slowError{smaller: true, cause: err}
			}
			continue
		case wasWritten:
			trouble.ended(ctx)
			p.breaker = after
			p.wrote(b, time.Since(started))
			return nil
		case movedAway:
			return errMoved
		case tooSlow:
			if p.rows.shrink() {
				p.log.InfoContext(ctx, "a transaction takes too long: trying smaller ones", "bytes", p.rows.bytes(), "err", err)
				return &slowError{smaller: true, cause: err}
			}
			if slow++; slow >= slowTries {
				return &slowError{cause: err}
			}
			sleep(ctx, trouble.failed(ctx, err))
		case lookCloser:
			search, searchErr := p.sink.writer.bisect(ctx, b)
			switch {
			case searchErr == nil:
				p.log.DebugContext(ctx, "found what PostgreSQL refuses", "batch", b.String(), "records", len(search.found), "copies", search.copies, "err", err)
				return &refusedError{records: search.found, cause: err}
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case classify(searchErr) != retry:
				return fmt.Errorf("%w; %w", err, searchErr)
			}
			sleep(ctx, trouble.failed(ctx, searchErr))
		case cannotMend:
			return err
		}
	}
}

// write is one attempt, when it is p's turn for a connection. The partitions of a backfill come to their ends together: one that is left over alone
// writes over one connection, at six tenths of the speed.
func (p *pipeline) write(ctx context.Context, b *batch) error {
	connection, ok := p.connections.take(ctx, p.left())
	if !ok {
		return context.Cause(ctx)
	}
	defer p.connections.giveBack(connection)
	return p.sink.writer.write(ctx, p.id, b)
}

// left is the share of a backfill that p has left to do; 0 in a run without an end, so that whoever has waited longest comes next.
func (p *pipeline) left() float64 {
	if p.end <= p.began || p.began < 0 {
		return 0
	}
	return float64(p.end-p.state.position()) / float64(p.end-p.began)
}

// remedy is what mend did about a failed write.
type remedy int

const (
	mended     remedy = iota // write the batch again
	wasWritten               // the ledger says that it is written
	movedAway                // the ledger is elsewhere
	tooSlow                  // smaller batches are needed
	lookCloser               // find the rows that PostgreSQL refuses
	cannotMend               // halt
)

// mend does what err asks for, waiting included. uncertain says that this attempt or one before it may have been durable.
func (p *pipeline) mend(ctx context.Context, b *batch, err error, uncertain bool, trouble *outage) remedy {
	action := classify(err)
	if action == reread {
		switch at, moved := p.whereIs(ctx, b, trouble); {
		case moved:
			return movedAway
		case at == b.next && uncertain:
			return wasWritten
		case at != b.first: // also at b.next, where another owner wrote the same range
			return movedAway
		case errors.Is(err, ErrFenced):
			return movedAway // the position fits, so the topic's id does not
		}
		action = classify(errors.Unwrap(err)) // not written: what was the cause?
		if action == reread {
			action = retry
		}
	}
	switch action {
	case retry:
		p.freeLock(ctx, err)
		sleep(ctx, trouble.failed(ctx, err))
		return mended
	case bisect:
		return lookCloser
	case shrink:
		return tooSlow
	default:
		return cannotMend
	}
}

// whereIs asks the ledger for p's position until it answers. moved says that it is not ours to write any more.
func (p *pipeline) whereIs(ctx context.Context, b *batch, trouble *outage) (at Position, moved bool) {
	for {
		place, err := p.sink.ledger.position(ctx, p.topicPartition)
		switch {
		case err == nil:
			return place.next, place.topicID != p.id
		case ctx.Err() != nil, errors.Is(err, errRowVanished):
			return 0, true // the pipeline looks again and decides
		}
		p.log.DebugContext(ctx, "cannot read the position", "batch", b.String(), "err", err)
		sleep(ctx, trouble.failed(ctx, err))
	}
}

// freeLock ends a frozen session of ours that keeps the ledger's row from us, if err says that there may be one.
func (p *pipeline) freeLock(ctx context.Context, err error) {
	if !isLockTimeout(err) {
		return
	}
	tag, err := p.sink.db.Exec(ctx, terminateStuck)
	if err != nil {
		p.log.DebugContext(ctx, "cannot look for stuck sessions", "err", err)
		return
	}
	if n := tag.RowsAffected(); n > 0 {
		p.log.WarnContext(ctx, "ended a frozen session that held the ledger", "sessions", n)
	}
}

// wrote notes a batch that is durable.
func (p *pipeline) wrote(b *batch, took time.Duration) {
	p.state.wrote(b)
	p.rows.wrote()
	p.sink.metrics.wrote(b, took)
	p.committer.note(p.topicPartition, b.next)
	p.log.Debug("wrote", "first", int64(b.first), "next", int64(b.next), "records", b.counts.inserted,
		"dead_letters", b.counts.deadLettered, "bytes", len(b.rows), "took_seconds", took.Seconds())
}
