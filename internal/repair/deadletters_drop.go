package repair

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// deadletters_drop.go: gives dead letters up. In the ledger they are lost from then on, and sink_events has their offsets: the sums still
// close, and sink verify can tell why there is no row.

const dropRecords = 10_000

// DropDeadLetters drops what the filter chooses, a partition and a bounded batch in one transaction each.
func (r *Repair) DropDeadLetters(ctx context.Context, f Filter, reason string, each func(PartitionLetters)) error {
	counted, err := r.CountDeadLetters(ctx, f)
	if err != nil {
		return err
	}
	if reason == "" {
		reason = "sink deadletters drop"
	}
	for _, p := range counted {
		done := PartitionLetters{Place: p.Place}
		for more := true; more; {
			n := 0
			if n, err = r.dropBatch(ctx, f, p.Place, reason); err != nil {
				return fmt.Errorf("drop the dead letters of %s (%d were dropped before): %w", p.Place, done.DeadLetters, err)
			}
			done.DeadLetters += int64(n)
			more = n == dropRecords
		}
		each(done)
	}
	return nil
}

func (r *Repair) dropBatch(ctx context.Context, f Filter, at Place, reason string) (n int, err error) {
	err = r.locked(ctx, []Place{at}, func(tx pgx.Tx, _ []ledgerRow) error {
		args := f.args()
		args["topic"], args["partition"], args["from"], args["limit"] = at.Topic, at.Partition, 0, dropRecords
		rows, err := tx.Query(ctx, takeOffsets, args)
		if err != nil {
			return fmt.Errorf("read the dead letters: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("read the dead letters: %w", err)
		}
		if n = len(found); n == 0 {
			return nil
		}
		if err := removeLetters(ctx, tx, at, found, 0, int64(n)); err != nil {
			return err
		}
		return record(ctx, tx, event{
			name: eventDropped, place: at, offsets: offsets{found[0], found[n-1] + 1}, reason: reason, details: &details{Dropped: runs(found)},
		})
	})
	return n, err
}

// runs are offsets in order as ranges.
func runs(sorted []int64) ranges {
	var found ranges
	for _, offset := range sorted {
		if last := len(found) - 1; last >= 0 && found[last].next == offset {
			found[last].next++
			continue
		}
		found = append(found, offsets{offset, offset + 1})
	}
	return found
}
