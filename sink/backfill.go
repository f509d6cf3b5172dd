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

// Summary is what a backfill did. It marshals to the JSON that `sink backfill --json` prints.
type Summary struct {
	Topics           []string           `json:"topics"`
	Group            string             `json:"group"`
	TookSeconds      float64            `json:"took_seconds"`
	RecordsPerSecond float64            `json:"records_per_second"` // this run's records over its time
	Partitions       []PartitionSummary `json:"partitions"`
	Totals           Counts             `json:"totals"`   // of the ledger, all runs
	ThisRun          Counts             `json:"this_run"` // of this process
	AddedPartitions  []string           `json:"added_partitions"`
}

// PartitionSummary is one partition as the ledger has it after a backfill: NextOffset - FirstOffset is the sum of its Counts.
type PartitionSummary struct {
	Topic             string `json:"topic"`
	Partition         int32  `json:"partition"`
	State             string `json:"state"` // done, halted, or unfinished after a stop
	HaltedReason      string `json:"halted_reason"`
	FirstOffset       int64  `json:"first_offset"`
	NextOffset        int64  `json:"next_offset"`
	EndOffset         int64  `json:"end_offset"`          // last stable offset when the backfill began
	HighWatermark     int64  `json:"high_watermark"`      // when the backfill began
	NotReadableYet    int64  `json:"not_readable_yet"`    // offsets of transactions that were open then
	StoredDeadLetters int64  `json:"stored_dead_letters"` // below EndOffset, whichever run stored them
	Counts
}

// Counts is what became of a range of offsets.
type Counts struct {
	Inserted    int64 `json:"inserted"`
	DeadLetters int64 `json:"dead_letters"`
	Tombstones  int64 `json:"tombstones"`
	NotRecords  int64 `json:"not_records"` // control records, aborted records, gaps of compaction
	Lost        int64 `json:"lost"`
}

// Sum is the length of the range.
func (c Counts) Sum() int64 { return c.Inserted + c.DeadLetters + c.Tombstones + c.NotRecords + c.Lost }

func (c counts) public() Counts {
	return Counts{Inserted: c.inserted, DeadLetters: c.deadLettered, Tombstones: c.tombstones, NotRecords: c.notRecords, Lost: c.lost}
}

// States of a partition in a Summary.
const (
	StateDone       = "done"
	StateHalted     = "halted"
	StateUnfinished = "unfinished"
)

// Halted reports whether a partition halted.
func (s *Summary) Halted() bool {
	return s.any(func(p PartitionSummary) bool { return p.State == StateHalted })
}

// Unfinished reports whether the backfill was stopped before its end.
func (s *Summary) Unfinished() bool {
	return s.any(func(p PartitionSummary) bool { return p.State == StateUnfinished })
}

// HasDeadLetters reports whether there are dead letters below the end, whichever run stored them.
func (s *Summary) HasDeadLetters() bool {
	return s.any(func(p PartitionSummary) bool { return p.StoredDeadLetters > 0 })
}

func (s *Summary) any(is func(PartitionSummary) bool) bool {
	for _, p := range s.Partitions {
		if is(p) {
			return true
		}
	}
	return false
}

// Progress is how far a backfill is, over all members.
type Progress struct {
	Done, Total int64 // offsets
	Partitions  int   // still to be finished
}

// backfill is a run's ends. A nil *backfill is a run without an end.
type backfill struct {
	sink     *Sink
	began    time.Time                         // by the database's clock: halts before it are of earlier runs
	ids      map[string]partlog.TopicID        // of the topics, zero where the broker gives none
	bounds   map[topicPartition]partlog.Bounds // when the backfill began
	ends     map[topicPartition]Position       // the newest high watermarks that were asked for
	first    map[topicPartition]Position       // where the ledger was at the beginning
	progress func(Progress)
	done     atomic.Bool
}

// Backfill moves what is in the topics now and returns when every partition is done or halted in the ledger, whichever member did it, or when
// stop ends. progress, if not nil, is called a few times a second. Errors are those of Run; a partition that halted is none: the
// Summary says so.
func (s *Sink) Backfill(stop context.Context, progress func(Progress)) (*Summary, error) {
	started := time.Now()
	if err := s.prepare(stop); err != nil {
		return nil, err
	}
	bf, err := s.newBackfill(stop, progress)
	if err != nil {
		return nil, err
	}
	if err := bf.look(stop); err != nil {
		return nil, err
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
		sink: s, ids: map[string]partlog.TopicID{}, bounds: map[topicPartition]partlog.Bounds{}, ends: map[topicPartition]Position{},
		first: map[topicPartition]Position{}, progress: progress,
	}
	var err error
	if bf.began, err = s.ledger.now(ctx); err != nil {
		return nil, err
	}
	topics, err := s.checkTopics(ctx)
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		bf.ids[topic.Name] = topic.ID
		numbers := make([]int32, 0, len(topic.Partitions))
		for _, p := range topic.Partitions {
			numbers = append(numbers, p.Number)
		}
		bounds, err := s.partlog.Bounds(ctx, topic.Name, numbers...)
		if err != nil {
			return nil, fmt.Errorf("ask for the end offsets of %s: %w", topic.Name, err)
		}
		for number, b := range bounds {
			tp := topicPartition{topic: topic.Name, partition: number}
			bf.bounds[tp], bf.ends[tp] = b, Position(b.HighWatermark)
		}
	}
	rows, err := s.ledger.read(ctx, s.cfg.Topics, bf.began)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		bf.first[row.topicPartition] = row.next
	}
	return bf, nil
}

// end is where tp's pipeline stops: -1 in a run without an end, and the log start, so at once, for a partition that came after the beginning.
func (bf *backfill) end(tp topicPartition) Position {
	if bf == nil {
		return -1
	}
	return Position(bf.bounds[tp].LastStable)
}

// known is the newest high watermark that was asked for.
func (bf *backfill) known(tp topicPartition) Position {
	if bf == nil {
		return -1
	}
	return bf.ends[tp]
}

func (bf *backfill) isDone() bool { return bf != nil && bf.done.Load() }

// wait returns when every partition is done or halted, or ctx ends.
func (bf *backfill) wait(ctx context.Context) {
	trouble := outage{what: "postgres", log: bf.sink.log}
	for ctx.Err() == nil && !bf.isDone() {
		sleep(ctx, ledgerPoll)
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
	now.Partitions = len(bf.bounds)
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
		if row.haltedSince || bf.reached(row) {
			now.Partitions--
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
		if known, counted := bf.ends[row.topicPartition]; !counted || row.next <= known {
			continue
		}
		now, err := bf.sink.partlog.Bounds(ctx, row.topic, row.partition)
		if err != nil {
			return fmt.Errorf("ask for the end of %s: %w", row.topicPartition, err)
		}
		bf.ends[row.topicPartition] = Position(now[row.partition].HighWatermark)
	}
	return nil
}

// reached reports whether row is at its end. A position beyond everything that Kafka has, or of another topic of the same name, is at no
// end: a pipeline must look at it, and will halt it.
func (bf *backfill) reached(row ledgerRow) bool {
	bounds, id := bf.bounds[row.topicPartition], bf.ids[row.topic]
	recreated := id != (partlog.TopicID{}) && row.topicID != (partlog.TopicID{}) && id != row.topicID
	return int64(row.next) >= bounds.LastStable && row.next <= bf.ends[row.topicPartition] && !recreated
}

// summary reads what the ledger says at the end. After a stop it still asks, for a moment.
func (bf *backfill) summary(ctx context.Context, took time.Duration) (*Summary, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*connectTimeout)
	defer cancel()
	s := bf.sink
	var rows []ledgerRow
	err := s.persist(ctx, "postgres", func(ctx context.Context) (err error) {
		rows, err = s.ledger.read(ctx, s.cfg.Topics, bf.began)
		return err
	})
	if err != nil {
		return nil, err
	}
	run := s.owned.total()
	sum := &Summary{
		Topics: s.cfg.Topics, Group: s.cfg.Group, TookSeconds: took.Seconds(), ThisRun: run.public(),
		RecordsPerSecond: float64(run.inserted+run.deadLettered+run.tombstones) / took.Seconds(),
		AddedPartitions:  bf.added(ctx),
	}
	var total counts
	for _, row := range rows {
		bounds, counted := bf.bounds[row.topicPartition]
		if !counted {
			continue
		}
		p := PartitionSummary{
			Topic: row.topic, Partition: row.partition, State: StateUnfinished, FirstOffset: row.first, NextOffset: int64(row.next),
			EndOffset: bounds.LastStable, HighWatermark: bounds.HighWatermark, NotReadableYet: bounds.HighWatermark - bounds.LastStable,
			Counts: row.counts.public(),
		}
		switch {
		case row.haltedSince:
			p.State, p.HaltedReason = StateHalted, row.haltedReason
		case bf.reached(row):
			p.State = StateDone
		}
		if p.StoredDeadLetters, err = s.ledger.deadLettersBelow(ctx, row.topicPartition, bounds.LastStable); err != nil {
			return nil, err
		}
		if p.NextOffset-p.FirstOffset != p.Sum() {
			return nil, fmt.Errorf("%s: the sums do not close: next %d - first %d is not %d; somebody changed sink_ledger, or this is a defect: please report it",
				row.topicPartition, p.NextOffset, p.FirstOffset, p.Sum())
		}
		total = total.plus(row.counts)
		sum.Partitions = append(sum.Partitions, p)
	}
	if len(sum.Partitions) != len(bf.bounds) {
		return nil, errors.Join(errRowVanished, fmt.Errorf("%d of %d partitions have a row in sink_ledger", len(sum.Partitions), len(bf.bounds)))
	}
	sum.Totals = total.public()
	return sum, nil
}

// added names the partitions that came while the backfill ran; none if no broker answers any more.
func (bf *backfill) added(ctx context.Context) []string {
	added := []string{}
	topics, err := bf.sink.partlog.Topics(ctx, bf.sink.cfg.Topics...)
	if err != nil {
		return added
	}
	for _, topic := range topics {
		for _, p := range topic.Partitions {
			tp := topicPartition{topic: topic.Name, partition: p.Number}
			if _, counted := bf.bounds[tp]; !counted {
				added = append(added, tp.String())
			}
		}
	}
	return added
}
