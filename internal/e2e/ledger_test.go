package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
)

// ledger_test.go checks positions: that the ledger's sums close and fit the tables, and that Kafka was never told more.

// ledgerRow is a row of sink_ledger.
type ledgerRow struct {
	first, next int64
	counts
	halted string // the reason, "" while it runs
}

func (r ledgerRow) String() string {
	return fmt.Sprintf("[%d,%d) %+v halted %q", r.first, r.next, r.counts, r.halted)
}

// ledger reads sink_ledger; the places have no offset.
func (s scene) ledger(conn *pgx.Conn) map[place]ledgerRow {
	s.t.Helper()
	rows, err := conn.Query(s.t.Context(), `SELECT kafka_topic, kafka_partition, first_offset, next_offset, inserted, dead_lettered, tombstones,
		not_records, lost, coalesce(halted_reason, '') FROM sink_ledger`)
	if err != nil {
		s.t.Fatalf("read sink_ledger: %v", err)
	}
	found := map[place]ledgerRow{}
	var at place
	var r ledgerRow
	_, err = pgx.ForEachRow(rows, []any{&at.topic, &at.partition, &r.first, &r.next, &r.Inserted, &r.DeadLetters, &r.Tombstones, &r.NotRecords, &r.Lost, &r.halted}, func() error {
		found[at] = r
		return nil
	})
	if err != nil {
		s.t.Fatalf("read sink_ledger: %v", err)
	}
	return found
}

// checkLedger fails the test unless every sum closes and is what the records' fates add up to.
func (s scene) checkLedger(conn *pgx.Conn, records []sent) {
	s.t.Helper()
	want := map[place]counts{}
	for _, r := range records {
		at := place{topic: r.record.Topic, partition: r.record.Partition}
		c := want[at]
		switch r.fate {
		case isRide:
			c.Inserted++
		case isDead:
			c.DeadLetters++
		case isTombstone:
			c.Tombstones++
		}
		want[at] = c
	}
	for at, row := range s.ledger(conn) {
		name, w := partitionName(at.topic, at.partition), want[at]
		if row.sum() != row.next-row.first {
			s.t.Errorf("%s: the ledger's sums do not close: %s", name, row)
		}
		if row.Inserted != w.Inserted || row.DeadLetters != w.DeadLetters || row.Tombstones != w.Tombstones {
			s.t.Errorf("%s: the ledger counts %s; %d rides, %d dead letters and %d tombstones were sent", name, row, w.Inserted, w.DeadLetters, w.Tombstones)
		}
		delete(want, at)
	}
	for at := range want {
		s.t.Errorf("the ledger has no row for %s", partitionName(at.topic, at.partition))
	}
}

// position is the sum of all next_offsets: it grows as the sink gets on.
func (s scene) position(conn *pgx.Conn) int64 {
	s.t.Helper()
	return value[int64](s.t, conn, "SELECT coalesce(sum(next_offset), 0)::bigint FROM sink_ledger")
}

// kafkaCommits returns the offsets that the group has committed to Kafka.
func (s scene) kafkaCommits() map[place]int64 {
	s.t.Helper()
	kafka := admin(s.t, s.brokers)
	var fetched kadm.OffsetResponses
	eventually(s.t, 30*time.Second, "the group's offsets in Kafka", func() (bool, string) {
		var err error
		if fetched, err = kafka.FetchOffsets(s.t.Context(), s.group); err == nil {
			err = fetched.Error()
		}
		return err == nil, fmt.Sprint(err) // the coordinator may still be on its way up
	})
	found := map[place]int64{}
	fetched.Each(func(o kadm.OffsetResponse) { found[place{topic: o.Topic, partition: o.Partition}] = o.At })
	return found
}

// checkCommits fails the test if Kafka was told a position that PostgreSQL does not hold. atEnd: it must have been told all of it.
func (s scene) checkCommits(conn *pgx.Conn, atEnd bool) {
	s.t.Helper()
	commits := s.kafkaCommits() // before the ledger is read: it can only be further by then
	for at, row := range s.ledger(conn) {
		offset, ok := commits[at]
		if ok && offset > row.next {
			s.t.Errorf("%s: Kafka was told %d, PostgreSQL holds %d", partitionName(at.topic, at.partition), offset, row.next)
		}
		if atEnd && row.next > row.first && offset != row.next {
			s.t.Errorf("%s: at the end Kafka was told %d (at all: %t), PostgreSQL holds %d", partitionName(at.topic, at.partition), offset, ok, row.next)
		}
	}
}

// checkAtEnd fails the test unless every position is the log's last stable offset.
func (s scene) checkAtEnd(t testing.TB) {
	t.Helper()
	ledger := s.ledger(s.connect())
	for at, end := range endOffsets(t, s.brokers, s.topics...) {
		if row, ok := ledger[at]; !ok || row.next != end {
			t.Errorf("%s: the position is %s (in the ledger: %t), the log ends at %d", partitionName(at.topic, at.partition), row, ok, end)
		}
	}
}
