package sink

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"ridesink/internal/partlog"
)

// backfill.go: a run with an end. The ends are taken once; done is what the ledger says, whoever did it.

// databaseEpoch is before every halt.
var databaseEpoch = time.Unix(0, 0) //nolint:gochecknoglobals // read only

// ledgerPoll is how often a backfill asks the ledger whether every partition is done.
const ledgerPoll = 250 * time.Millisecond

// Progress is how far a backfill is, over all members.
type Progress struct {
	Done, Total int64 // offsets
	Partitions  int   // still to be finished
}

// backfill is a run's ends. A nil *backfill is a run without an end.
type backfill struct {
	sink           *Sink
	began          time.Time                         // by the database's clock: halts before it are of earlier runs
	ids            map[string]partlog.TopicID        // of the topics, zero where the broker gives none
	bounds         map[topicPartition]partlog.Bounds // when the backfill began
	highWatermarks map[topicPartition]Position       // the newest that were asked for
	first          map[topicPartition]Position       // where the ledger was at the beginning
	progress       func(Progress)
	done           atomic.Bool
	replaced       map[topicPartition]bool // at its end, and yet with another record where the last one was
	moved          chan struct{}           // has something in it when a pipeline of ours has come to rest since the last look
}

// Backfill moves what is in the topics now and returns when every partition is done or halted in the ledger, whichever member did it, or when
// stop ends. progress, if not nil, is called a few times a second. Errors are those of Run; a partition that halted is none: the
// Summary says so.
func (s *Sink) Backfill(stop context.Context, progress func(Progress)) (*Summary, error) {
	started := time.Now()
	if err := s.prepare(stop); err != nil {
		return nil, stoppedEarly(stop, err)
	}
	bf, err := s.newBackfill(stop, progress)
	if err == nil {
		err = bf.look(stop)
	}
	if err != nil {
		return nil, stoppedEarly(stop, err)
	}
	if !bf.isDone() {
		if err := s.generations(stop, bf); err != nil {
			return nil, err
		}
	}
	return bf.summary(stop, time.Since(started))
}

// newBackfill takes the end offsets.
func (s *Sink) newBackfill(ctx context.Context, progress func(Progress)) (*backfill, error) {
	bf := &backfill{
		sink: s, ids: map[string]partlog.TopicID{}, bounds: map[topicPartition]partlog.Bounds{}, highWatermarks: map[topicPartition]Position{},
		first: map[topicPartition]Position{}, replaced: map[topicPartition]bool{}, progress: progress, moved: make(chan struct{}, 1),
	}
	var err error
	if bf.began, err = s.ledger.now(ctx); err != nil {
		return nil, err
	}
	topics, err := s.kafka.CheckTopics(ctx, s.cfg.Topics...)
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		bf.ids[topic.Name] = topic.ID
		bounds, err := s.boundsOf(ctx, topic)
		if err != nil {
			return nil, err
		}
		for number, b := range bounds {
			tp := topicPartition{topic: topic.Name, partition: number}
			bf.bounds[tp], bf.highWatermarks[tp] = b, Position(b.HighWatermark)
		}
	}
	rows, err := s.ledger.read(ctx, s.cfg.Topics, bf.began)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		bf.first[row.topicPartition] = row.next
		if bf.reached(row) {
			if err := bf.lookBack(ctx, row); err != nil {
				return nil, err
			}
		}
	}
	return bf, nil
}

// lookBack makes sure of a partition that has nothing to read: no pipeline might ever look at it.
func (bf *backfill) lookBack(ctx context.Context, row ledgerRow) error {
	at, err := bf.sink.ledger.position(ctx, row.topicPartition)
	if err != nil {
		return err
	}
	_, err = bf.sink.prove(ctx, lookBack{topicPartition: row.topicPartition, id: at.topicID, last: at.last, bytes: minFetchBytes})
	var replaced *ReplacedError
	bf.replaced[row.topicPartition] = errors.As(err, &replaced)
	if bf.replaced[row.topicPartition] {
		return nil
	}
	return err
}

// end is where tp's pipeline stops: -1 in a run without an end, and the log start, so at once, for a partition that came after the beginning.
func (bf *backfill) end(tp topicPartition) Position {
	if bf == nil {
		return -1
	}
	return Position(bf.bounds[tp].LastStable)
}

// highWatermark is the newest that was asked for of tp.
func (bf *backfill) highWatermark(tp topicPartition) Position {
	if bf == nil {
		return -1
	}
	return bf.highWatermarks[tp]
}

// rested notes that a pipeline of ours has nothing to do: it is time to look.
func (bf *backfill) rested() {
	if bf == nil {
		return
	}
	select {
	case bf.moved <- struct{}{}:
	default: // a look is due already
	}
}

func (bf *backfill) isDone() bool { return bf != nil && bf.done.Load() }

// wait returns when every partition is done or halted, or ctx ends.
func (bf *backfill) wait(ctx context.Context) {
	trouble := bf.sink.outage("postgres")
	defer trouble.forget()
	poll := time.NewTicker(ledgerPoll)
	defer poll.Stop()
	for ctx.Err() == nil && !bf.isDone() {
		select {
		case <-poll.C:
		case <-bf.moved:
		case <-ctx.Done():
			return
		}
		if err := bf.look(ctx); err != nil && ctx.Err() == nil {
			sleep(ctx, trouble.failed(ctx, err))
			continue
		}
		trouble.ended(ctx)
	}
}

// look asks the ledger how far every partition is.
func (bf *backfill) look(ctx context.Context) error {
	rows, err := bf.sink.ledger.read(ctx, bf.sink.cfg.Topics, bf.began)
	if err != nil {
		return err
	}
	if err := bf.lookBeyond(ctx, rows); err != nil {
		return err
	}
	var now Progress
	for tp, bounds := range bf.bounds {
		now.Total += max(0, bounds.LastStable-int64(bf.first[tp]))
	}
	for _, row := range rows {
		bounds, counted := bf.bounds[row.topicPartition]
		if !counted {
			continue
		}
		first, end := int64(bf.first[row.topicPartition]), bounds.LastStable
		now.Done += max(0, min(int64(row.next), end)-first)
		if !row.haltedSince && !bf.reached(row) {
			now.Partitions++ // one whose row has vanished is not waited for: its pipeline says so, and so does the summary
		}
	}
	if bf.progress != nil {
		bf.progress(now)
	}
	if now.Partitions == 0 {
		bf.done.Store(true)
	}
	return nil
}

// lookBeyond asks again for the end of the partitions that were read beyond the high watermark of the beginning.
func (bf *backfill) lookBeyond(ctx context.Context, rows []ledgerRow) error {
	for _, row := range rows {
		if known, counted := bf.highWatermarks[row.topicPartition]; !counted || row.next <= known {
			continue
		}
		now, err := bf.sink.kafka.Log.Bounds(ctx, row.topic, row.partition)
		if err != nil {
			return fmt.Errorf("ask for the end of %s: %w", row.topicPartition, err)
		}
		bf.highWatermarks[row.topicPartition] = Position(now[row.partition].HighWatermark)
	}
	return nil
}

// reached reports whether row is at its end. A position beyond everything that Kafka has, or of another log or topic of the same name, is at
// no end: a pipeline must look at it, and will halt it.
func (bf *backfill) reached(row ledgerRow) bool {
	bounds, id := bf.bounds[row.topicPartition], bf.ids[row.topic]
	recreated := id != (partlog.TopicID{}) && row.topicID != (partlog.TopicID{}) && id != row.topicID
	return int64(row.next) >= bounds.LastStable && row.next <= bf.highWatermarks[row.topicPartition] && !recreated && !bf.replaced[row.topicPartition]
}
