package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ridesink/internal/servers"
)

// summary.go: what a backfill did, as the ledger says it in the end. Before it backfill.go.

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

// summary reads what the ledger says at the end. After a stop it still asks, for a moment.
func (bf *backfill) summary(ctx context.Context, took time.Duration) (*Summary, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*servers.ConnectTimeout)
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
		err := s.persist(ctx, "postgres", func(ctx context.Context) (err error) {
			p.StoredDeadLetters, err = s.ledger.deadLettersBelow(ctx, row.topicPartition, bounds.LastStable)
			return err
		})
		if err != nil {
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
	topics, err := bf.sink.kafka.Log.Topics(ctx, bf.sink.cfg.Topics...)
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
