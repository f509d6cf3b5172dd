package sink

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ridesink/internal/partlog"
	"ridesink/internal/serde"
)

// pipeline.go: one partition's way from its leader to PostgreSQL: fetch.go -> decode.go -> write.go, begun again from the ledger whenever
// the ledger turns out to be elsewhere.

// minFetchBytes is the least that a fetch asks for. A broker sends a larger batch all the same (KIP-74).
const minFetchBytes = 16 << 10

// warnInterval is how often a partition warns that its ledger moved at most.
const warnInterval = time.Minute

// errBehind says that there is more to read than a partition's own share takes in one response.
var errBehind = errors.New("the partition is behind: it needs a turn")

// pipeline moves one partition. It lives for one generation.
type pipeline struct {
	topicPartition
	sink          *Sink
	committer     *committer
	log           *slog.Logger
	state         *partitionState
	decoder       *serde.Decoder
	current       partlog.TopicID // the topic's id by today's metadata, zero where the broker gives none
	backfill      *backfill       // nil: this is a run without an end
	end           Position        // a backfill stops here; -1: never
	began         Position        // where this generation found it; -1: nowhere yet
	highWatermark Position        // the high watermark when the backfill began: a position beyond it must be looked at
	own           *share          // while it keeps up
	turns         *turns          // while it is behind
	connections   *queue[struct{}]
	rows          *rowsLimit
	pace          time.Duration // between the starts of two fetches of a partition that has caught up
	due           time.Time     // when it is fetched again, if it has caught up

	refused      map[int64]refusal // records that PostgreSQL refused when they were tried, by offset
	id           partlog.TopicID   // the topic's id as the ledger has it
	breaker      breaker
	trust        trust        // in the log, by what identity.go saw of it
	slow         int          // how often in a row an answer in a turn took too long: each halves what is asked
	warned       time.Time    // when it was last logged that the ledger moved
	ratioPercent atomic.Int64 // decompressed bytes per hundred fetched, of the last response
}

// run moves the partition until stop ends. At its end, and where it halts, it rests: it may be moved. A partition that halts is marked in the
// ledger and is no error: the others go on. run returns only what ended work.
func (p *pipeline) run(stop, work context.Context) error {
	for stop.Err() == nil {
		err := p.follow(stop, work)
		switch {
		case work.Err() != nil:
			return context.Cause(work)
		case err == nil:
			p.rest(stop, work)
			continue
		case errors.Is(err, errReread):
			continue
		case errors.Is(err, errMoved):
			level := slog.LevelDebug
			if time.Since(p.warned) >= warnInterval { // another group that writes the same partition moves it at each batch
				level, p.warned = slog.LevelWarn, time.Now()
			}
			p.log.Log(work, level, "the ledger moved: dropping what is buffered", "position", int64(p.state.position()))
			continue
		}
		if err = p.adapt(stop, work, err); err == nil {
			continue
		}
		if p.halt(work, err) {
			p.rest(stop, work)
		}
	}
	return context.Cause(work)
}

// rest waits until stop or work ends, or somebody moves the partition or mends it in the ledger. A backfill is told that there is no more to
// expect for now.
func (p *pipeline) rest(stop, work context.Context) {
	p.backfill.rested()
	select {
	case <-p.state.moved:
		p.log.InfoContext(work, "looking at the ledger again: it was moved or mended")
	case <-stop.Done():
	case <-work.Done():
	}
}

// follow moves the partition from where the ledger says until stop ends, the end is reached or something fails.
func (p *pipeline) follow(stop, work context.Context) error {
	err := p.place(stop)
	switch {
	case stop.Err() != nil:
		return nil //nolint:nilerr // stop ended, and the question with it: a clean end
	case err != nil:
		return err
	}
	for stop.Err() == nil && !p.ended(p.state.position()) {
		err := p.move(stop, work, p.own)
		var tooLarge *partlog.TooLargeError
		if errors.As(err, &tooLarge) && tooLarge.Size <= p.turns.bytes {
			err = p.hurry(stop, work, err)
		} else if errors.Is(err, errBehind) {
			err = p.hurry(stop, work, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hurry moves the partition in turns until it has caught up or there is trouble. Without a turn it returns otherwise.
func (p *pipeline) hurry(stop, work context.Context, otherwise error) error {
	for {
		turn := p.turns.take(stop, p.left())
		switch {
		case turn != nil:
		case stop.Err() != nil:
			return nil //nolint:nilerr // a clean end, as in follow
		default:
			return otherwise
		}
		err := p.move(stop, work, turn)
		p.turns.giveBack(turn)
		if !errors.Is(err, errBehind) {
			return err
		}
		otherwise = nil
	}
}

// place reads where to begin, and whether topic and log are still the ones of the ledger.
func (p *pipeline) place(ctx context.Context) error {
	select {
	case <-p.state.moved: // what is read now is newer
	default:
	}
	var at place
	err := p.sink.persist(ctx, "postgres", func(ctx context.Context) (err error) {
		at, err = p.sink.ledger.position(ctx, p.topicPartition)
		if err == nil && at.topicID == (partlog.TopicID{}) && p.current != (partlog.TopicID{}) {
			if err = p.sink.ledger.adopt(ctx, p.topicPartition, p.current); err == nil {
				at, err = p.sink.ledger.position(ctx, p.topicPartition)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	p.id, p.breaker.stored = at.topicID, at.deadLettered
	p.state.placed(at.next)
	if p.current != (partlog.TopicID{}) && at.topicID != p.current {
		return &RecreatedError{Topic: p.topic, Partition: p.partition, Was: at.topicID.String(), Is: p.current.String()}
	}
	if p.began < 0 {
		p.began = at.next
	}
	p.trust, err = p.sink.prove(ctx, lookBack{topicPartition: p.topicPartition, id: at.topicID, last: at.last, bytes: p.own.bytes})
	if err != nil {
		return err
	}
	if at.halted { // by an earlier run: this is another try
		if err := p.sink.ledger.clear(ctx, p.topicPartition); err != nil {
			p.log.DebugContext(ctx, "cannot take the halt back", "err", err)
		}
	}
	p.committer.note(p.topicPartition, at.next) // Kafka may know less: a member can die between the two commits
	return nil
}

// move runs the three stages until stop ends, the end is reached, share has to be given back or something fails.
func (p *pipeline) move(stop, work context.Context, share *share) error {
	position := p.state.position()
	stages, work := errgroup.WithContext(work)
	fetching, endFetching := context.WithCancel(work)
	defer endFetching()
	polling, endPolling := context.WithCancel(work)
	defer endPolling()
	defer context.AfterFunc(stop, func() {
		endFetching()
		time.AfterFunc(pollWait+stopGrace, endPolling)
	})()

	share.refill()
	chunks := make(chan chunk)   // closed by fetch, its only sender
	batches := make(chan *batch) // closed by decode, its only sender
	stages.Go(func() error { p.fetch(fetching, polling, position, share, chunks); return nil })
	stages.Go(func() error { return p.decode(work, position, share, chunks, batches) })
	stages.Go(func() error { return p.writeAll(work, batches, share.batches) })
	return stages.Wait()
}
