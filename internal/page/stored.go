package page

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// stored.go reads from PostgreSQL what the page shows of it. Run calls it in the background. sql.go has the statements.

const (
	lettersExamined = 2000 // over all partitions, and at least leastExamined of each
	leastExamined   = 10
	samplesShown    = 3 // of each reason
	valueBytes      = 200
	rowsShown       = 60
)

// ReadStored reads what PostgreSQL holds of topics, in one snapshot. Values of records are read only if values says so.
func ReadStored(ctx context.Context, db *pgxpool.Pool, topics []string, values bool) (Stored, error) {
	var s Stored
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, limitStatement); err != nil {
			return fmt.Errorf("limit the statements' time: %w", err)
		}
		var withLetters int
		t := &s.Totals
		err := tx.QueryRow(ctx, readTotals, pgx.NamedArgs{"topics": topics}).
			Scan(&s.Partitions, &s.Halted, &withLetters, &t.Inserted, &t.DeadLetters, &t.Tombstones, &t.NotRecords, &t.Lost)
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		if withLetters == 0 {
			return nil
		}
		return s.readReasons(ctx, tx, topics, max(leastExamined, lettersExamined/withLetters), values)
	})
	return s, err
}

func (s *Stored) readReasons(ctx context.Context, tx pgx.Tx, topics []string, each int, values bool) error {
	rows, err := tx.Query(ctx, readReasons, pgx.NamedArgs{
		"topics": topics, "each": each, "values": values, "value_bytes": valueBytes, "samples": samplesShown, "most": rowsShown,
	})
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	var sample Sample
	var reason string
	var seen int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{
		&sample.Topic, &sample.Partition, &sample.Offset, &reason, &at, &s.Examined, &seen, &sample.Error, &sample.Size, &sample.Value,
	}, func() error {
		sample.At = at.UTC()
		if n := len(s.Reasons); n == 0 || s.Reasons[n-1].Name != reason {
			s.Reasons = append(s.Reasons, Reason{Name: reason, Seen: seen, Newest: sample.At})
		}
		last := &s.Reasons[len(s.Reasons)-1]
		last.Samples = append(last.Samples, sample)
		sample.Value = nil // the next row must not write into it
		return nil
	})
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	return nil
}
