package repair

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// losses.go: which offsets below a position were accepted as lost. The ledger only counts them; sink_events has the ranges.

// offsets is a half-open range.
type offsets struct{ first, next int64 }

// MarshalJSON writes [first,next].
func (o offsets) MarshalJSON() ([]byte, error) { return json.Marshal([2]int64{o.first, o.next}) }

// UnmarshalJSON reads it back.
func (o *offsets) UnmarshalJSON(text []byte) error {
	var pair [2]int64
	err := json.Unmarshal(text, &pair)
	o.first, o.next = pair[0], pair[1]
	return err
}

// ranges are disjoint and in order.
type ranges []offsets

// with adds a range, merged with those that it touches.
func (r ranges) with(add offsets) ranges {
	if add.next <= add.first {
		return r
	}
	var merged ranges
	for _, o := range r {
		if o.next < add.first || add.next < o.first {
			merged = append(merged, o)
			continue
		}
		add.first, add.next = min(add.first, o.first), max(add.next, o.next)
	}
	merged = append(merged, add)
	slices.SortFunc(merged, func(a, b offsets) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	return merged
}

// below keeps what is below an offset.
func (r ranges) below(end int64) ranges {
	var kept ranges
	for _, o := range r {
		if o.next = min(o.next, end); o.first < o.next {
			kept = append(kept, o)
		}
	}
	return kept
}

// within counts the offsets in [first,next).
func (r ranges) within(first, next int64) (n int64) {
	for _, o := range r {
		n += max(0, min(o.next, next)-max(o.first, first))
	}
	return n
}

// Names of events.
const (
	eventLoss      = "accepted_loss"
	eventReset     = "reset"
	eventDropped   = "dead_letters_dropped"
	eventRecreated = "topic_recreated"
)

// details is what sink_events.details holds of ours.
type details struct {
	From    *int64  `json:"from,omitempty"` // positions, of a reset
	To      *int64  `json:"to,omitempty"`
	First   *int64  `json:"first_offset_was,omitempty"`
	Deleted *tally  `json:"deleted,omitempty"`
	Before  *Counts `json:"counts_before,omitempty"`
	After   *Counts `json:"counts_after,omitempty"`
	Assumed string  `json:"assumed,omitempty"`
	Dropped ranges  `json:"dropped,omitempty"`
	// Partitions that a topic had before it was made again.
	Partitions []int32 `json:"partitions,omitempty"`
	OldID      string  `json:"old_topic_id,omitempty"`
	NewID      string  `json:"new_topic_id,omitempty"`
	KeptAs     string  `json:"kept_as,omitempty"`
	WasEnded   string  `json:"was_halted,omitempty"`
}

// lostOffsets replays the events of a partition: what was accepted as lost, and not read again after a reset.
func lostOffsets(ctx context.Context, tx querier, at Place) (ranges, error) {
	rows, err := tx.Query(ctx, readEvents, pgx.NamedArgs{"topic": at.Topic, "partition": at.Partition})
	if err != nil {
		return nil, fmt.Errorf("read sink_events of %s: %w", at, err)
	}
	var lost ranges
	var event string
	var o offsets
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&event, &o.first, &o.next, &text}, func() error {
		var d details
		if event != eventLoss && len(text) > 0 {
			if err := json.Unmarshal(text, &d); err != nil {
				return fmt.Errorf("details of %s: %w", event, err)
			}
		}
		if event == eventRecreated && !slices.Contains(d.Partitions, at.Partition) {
			return nil // it is of the new topic
		}
		lost = replay(lost, event, o, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read sink_events of %s: %w", at, err)
	}
	return lost, nil
}

// replay is what one event does to the lost offsets.
func replay(lost ranges, event string, o offsets, d details) ranges {
	switch event {
	case eventLoss:
		return lost.with(o)
	case eventDropped:
		for _, dropped := range d.Dropped {
			lost = lost.with(dropped)
		}
	case eventReset:
		if d.To != nil && d.From != nil && *d.To < *d.From {
			return lost.below(*d.To)
		}
	case eventRecreated:
		return nil
	}
	return lost
}
