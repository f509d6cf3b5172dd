package latency

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5"
)

// check.go: whether the ledger says what is in rides, and whether each ride is there once.

// position is how far a partition is.
type position struct {
	partition int
	next      int64
}

// enumerated gives positions by partition.
func enumerated(next []int64) iter.Seq[position] {
	return func(yield func(position) bool) {
		for partition, n := range next {
			if !yield(position{partition, n}) {
				return
			}
		}
	}
}

// ledgerRows is how many partitions have a row. The table may not be there yet, which is an error like others.
func ledgerRows(ctx context.Context, conn *pgx.Conn, topic string) (n int, err error) {
	err = conn.QueryRow(ctx, "SELECT count(*) FROM sink_ledger WHERE kafka_topic = $1", topic).Scan(&n)
	return n, err
}

// compareSnapshot finds partitions whose rows are not those that the ledger's position covers. It is one statement, so one snapshot.
const compareSnapshot = `
SELECT count(*) FILTER (WHERE n IS DISTINCT FROM next_offset OR coalesce(highest, -1) <> next_offset - 1), sum(n)::bigint
FROM (
	SELECT l.next_offset, count(r.kafka_offset) AS n, max(r.kafka_offset) AS highest
	FROM sink_ledger l LEFT JOIN rides r ON r.kafka_topic = l.kafka_topic AND r.kafka_partition = l.kafka_partition
	WHERE l.kafka_topic = $1
	GROUP BY l.kafka_partition, l.next_offset
) AS partitions`

// checkSnapshot compares rows and positions while both grow, on a connection of its own.
func checkSnapshot(ctx context.Context, database, topic string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	var wrong, rows int64
	err = conn.QueryRow(ctx, compareSnapshot, topic).Scan(&wrong, &rows)
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d partitions have other rows in rides than the ledger says: its position does not tell what is visible", wrong)
	}
	return errors.Join(err, conn.Close(ctx))
}

const countStored = `
SELECT kafka_partition, count(*), count(DISTINCT kafka_offset), min(kafka_offset), max(kafka_offset)
FROM rides WHERE kafka_topic = $1 GROUP BY kafka_partition ORDER BY kafka_partition`

// stored is what rides has of a partition.
type stored struct {
	Partition                        int
	Rows, Different, Lowest, Highest int64
}

// checkStored verifies that each partition has each of its rides once: offsets 0 to sent-1.
func checkStored(ctx context.Context, conn *pgx.Conn, topic string, sent []int64) error {
	rows, err := conn.Query(ctx, countStored, topic)
	if err != nil {
		return fmt.Errorf("count the rides: %w", err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
	if err != nil {
		return fmt.Errorf("count the rides: %w", err)
	}
	var want []stored
	for at := range enumerated(sent) {
		if at.next > 0 {
			want = append(want, stored{Partition: at.partition, Rows: at.next, Different: at.next, Highest: at.next - 1})
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("rides has %+v, and should have %+v", got, want)
	}
	return nil
}
