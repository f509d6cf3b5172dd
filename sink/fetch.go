package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ridesink/internal/partlog"
)

// fetch.go: the first stage of a pipeline, from the partition's leader to chunks of its log. After it: decode.go.

const (
	// pollWait is how long a broker holds a fetch that finds nothing. It bounds how long a stop waits for a fetch in flight.
	pollWait = 500 * time.Millisecond
	// stopGrace is how much longer than pollWait a fetch may take after a stop before its connection is given up.
	stopGrace = 500 * time.Millisecond
	// unknownTopicPatience is how long a topic may be missing from fresh metadata before it counts as deleted.
	unknownTopicPatience = 60 * time.Second
	// corruptTries is how often a batch must be found corrupt before its partition halts.
	corruptTries = 3
	// beyondEndPatience is how far apart two OFFSET_OUT_OF_RANGE answers must be before a log counts as truncated: a new leader may
	// know less than we do for a moment.
	beyondEndPatience = 5 * time.Second
)

// paceOf is the least time between the starts of two fetches of a partition that has caught up, by how many partitions this member has. Each fetch
// that finds something is a transaction: some 130 to 160 a second at most, whatever the partitions. docs/performance.md has what that costs, and the
// latency.
func paceOf(partitions int) time.Duration {
	return max(30*time.Millisecond, time.Duration(partitions)*6*time.Millisecond)
}

// chunk is what one fetch brought: a piece of the log, or a range that is lost, or the error that ends the reading. The error travels
// behind the data, so that everything before it is written first.
type chunk struct {
	log  *partlog.Fetched
	lost *lostRange
	err  error
}

// lostRange is a range of offsets that Kafka no longer has.
type lostRange struct{ first, next Position }

// fetch reads from position until ctx ends, p.end is reached or share has to be given back, a chunk at a time. It closes out. Outages are waited
// for here, but not with a turn. What cannot be mended by waiting is sent as the last chunk, errBehind too.
func (p *pipeline) fetch(ctx, polling context.Context, position Position, share *share, out chan<- chunk) {
	defer close(out)
	reader := p.sink.kafka.Log.Partition(p.topic, p.partition)
	end := func(last chunk) { _ = send(ctx, out, last) } // a stop may come first, and is no trouble: the next start finds the same
	trouble := p.sink.outage("kafka")
	defer trouble.forget()
	var seen refusals
	slow := new(int) // how often in a row an answer took too long: each halves what is asked
	if share.turn {
		slow = &p.slow
	}
	for chunks := 1; !p.ended(position) && p.wait(ctx); chunks++ {
		var into *partlog.Fetched
		select {
		case into = <-share.responses:
		case <-ctx.Done():
			return
		}
		started := time.Now()
		got, err := reader.Fetch(polling, int64(position), partlog.FetchOptions{
			MaxBytes: max(minFetchBytes, p.askBytes(share)>>*slow), BufferBytes: share.bytes, MaxWait: pollWait, TopicID: p.id,
		}, into)
		if err != nil {
			share.responses <- into
			if ctx.Err() != nil {
				return
			}
			p.trust.shaken()
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
				*slow = min(*slow+1, 20)
			}
			last, wait := p.refusal(ctx, err, position, &seen)
			if last != nil {
				end(*last)
				return
			}
			if share.turn { // others can use it meanwhile
				return
			}
			if wait == 0 {
				wait = trouble.failed(ctx, err)
			}
			sleep(ctx, wait)
			continue
		}
		trouble.ended(ctx)
		seen = refusals{}
		p.state.sawLog(got.LogStart, got.LastStable, got.HighWatermark)
		p.sink.metrics.fetched.Add(float64(got.Bytes()))
		p.highWatermark = max(p.highWatermark, position) // the leader serves it
		if got.Next() == int64(position) {
			share.responses <- got
			p.due = started.Add(p.pace) // a broker that does not hold the fetch must not be asked in a loop
			if share.turn {
				return
			}
			continue
		}
		if !p.trust.covers(got) { // another leader, who may have another log
			share.responses <- got
			end(chunk{err: errReread})
			return
		}
		position = Position(got.Next())
		*slow = max(0, *slow-1)
		caughtUp := got.Next() >= got.LastStable // before the send: the chunk is the decoder's then
		if caughtUp {
			p.due = started.Add(p.pace)
		}
		if err := send(ctx, out, chunk{log: got}); err != nil || share.once {
			return
		}
		switch {
		case !caughtUp && !share.turn:
			end(chunk{err: errBehind})
			return
		case !caughtUp && chunks >= responsesPerTurn && p.turns.wanted():
			end(chunk{err: errBehind})
			return
		case caughtUp && share.turn:
			return
		}
	}
}

// wait sleeps until the partition is due. It reports whether ctx still runs.
func (p *pipeline) wait(ctx context.Context) bool {
	sleep(ctx, time.Until(p.due))
	return ctx.Err() == nil
}

// refusals remembers since when a broker refuses a position.
type refusals struct {
	unknownSince, beyondSince time.Time
	corrupt                   int
}

// refusal decides on an error of a fetch. It returns the chunk that ends the reading; or how long to wait before the next try, zero
// for an ordinary outage, which the caller paces.
func (p *pipeline) refusal(ctx context.Context, err error, position Position, seen *refusals) (*chunk, time.Duration) {
	var outOfRange *partlog.OutOfRangeError
	var tooLarge *partlog.TooLargeError
	var corrupt *partlog.CorruptError
	var other *partlog.OtherTopicError
	before := *seen
	*seen = refusals{} // what counts is the same answer several times, with nothing else between
	switch {
	case errors.As(err, &other):
		return &chunk{err: &RecreatedError{Topic: p.topic, Partition: p.partition, Was: other.Want.String(), Is: other.Got.String()}}, 0
	case errors.As(err, &tooLarge):
		return &chunk{err: err}, 0
	case errors.As(err, &outOfRange) && int64(position) < outOfRange.LogStart:
		lost := lostRange{first: position, next: Position(outOfRange.LogStart)}
		if p.sink.cfg.OnDataLoss == SkipOnDataLoss {
			return &chunk{lost: &lost}, 0
		}
		return &chunk{err: &LostError{Topic: p.topic, Partition: p.partition, First: lost.first, Next: lost.next}}, 0
	case errors.As(err, &outOfRange):
		if before.beyondSince.IsZero() {
			seen.beyondSince = time.Now()
			p.log.WarnContext(ctx, "position beyond the end of the log", "position", int64(position), "high_watermark", outOfRange.HighWatermark)
			return nil, beyondEndPatience
		}
		return &chunk{err: &TruncatedError{Topic: p.topic, Partition: p.partition, Position: position, End: Position(outOfRange.HighWatermark)}}, 0
	case errors.Is(err, partlog.ErrUnknownTopic):
		seen.unknownSince = before.unknownSince
		if seen.unknownSince.IsZero() {
			seen.unknownSince = time.Now()
		}
		if time.Since(seen.unknownSince) < unknownTopicPatience {
			return nil, 0
		}
		return &chunk{err: fmt.Errorf("%s: the topic is gone from Kafka since %s; make it again, or remove it from --topics (%w)",
			p.topicPartition, seen.unknownSince.UTC().Format(time.RFC3339), err)}, 0
	case mendable(err):
		return nil, 0
	case errors.As(err, &corrupt):
		if seen.corrupt = before.corrupt + 1; seen.corrupt < corruptTries { // damaged on the way rather than on disk?
			return nil, 0
		}
	}
	return &chunk{err: p.passable(err)}, 0
}

// passable says of a batch that cannot be opened how to go on without it, and leaves other errors as they are.
func (p *pipeline) passable(err error) error {
	var corrupt *partlog.CorruptError
	if !errors.As(err, &corrupt) {
		return err
	}
	return fmt.Errorf("%w; to go on without it, which counts it as lost: sink reset --to %d --partition %s", err, corrupt.Next, p.topicPartition)
}

// ended reports whether a backfill need not read on from position. A position beyond all that the log had is not at an end: the leader
// must say that the log was truncated, or that it knows more by now.
func (p *pipeline) ended(position Position) bool {
	return p.end >= 0 && p.end <= position && position <= p.highWatermark
}

// askBytes is how much to ask the broker for, so that the decompressed records fill a share.
func (p *pipeline) askBytes(s *share) int {
	return max(minFetchBytes, int(int64(s.bytes)*100/max(100, p.ratioPercent.Load())))
}

// send gives c to the next stage unless ctx ends first.
func send[T any](ctx context.Context, out chan<- T, c T) error {
	select {
	case out <- c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
