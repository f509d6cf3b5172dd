package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// soak_oracle_test.go compares millions of records: what was acknowledged, what another client reads, what PostgreSQL holds. Nothing but the places of
// the records is kept.

// logged is a record that the log holds.
type logged struct {
	offset int64
	number uint32
}

// checkSoakLog fails the test unless the topic holds what was acknowledged, byte for byte, and nothing that nobody sent. It returns what
// it holds, by partition and in order.
func (s scene) checkSoakLog(tr *traffic) map[int32][]logged {
	s.t.Helper()
	acked := map[int32][]ackedRecord{}
	for _, a := range tr.acked {
		acked[a.partition] = append(acked[a.partition], a)
	}
	for _, list := range acked {
		slices.SortFunc(list, func(a, b ackedRecord) int { return cmp.Compare(a.offset, b.offset) })
	}
	found, surprises, copies := map[int32][]logged{}, 0, 0
	eachCommitted(s.t, s.brokers, func(r *kgo.Record) {
		number, err := numberOf(r)
		if err != nil || number >= tr.next.Load() {
			s.t.Fatalf("%s/%d@%d is a stranger with the key %q", r.Topic, r.Partition, r.Offset, r.Key)
		}
		want := tr.record(number).record
		if !sameBytes(r.Value, want.Value) || !r.Timestamp.Equal(want.Timestamp) {
			s.t.Fatalf("%s/%d@%d: the log holds another record %d than was sent", r.Topic, r.Partition, r.Offset, number)
		}
		switch list := acked[r.Partition]; {
		case len(list) > 0 && list[0].offset == r.Offset && list[0].number == number:
			acked[r.Partition] = list[1:]
		case len(list) > 0 && list[0].offset <= r.Offset:
			s.t.Fatalf("%s/%d@%d: record %d was acknowledged at %d, the log goes on with %d", r.Topic, r.Partition, r.Offset, list[0].number, list[0].offset, number)
		case tr.aborted[number]:
			s.t.Fatalf("%s/%d@%d: record %d is of a transaction that was aborted", r.Topic, r.Partition, r.Offset, number)
		case tr.unsettled[number]:
			surprises++
		default:
			copies++ // a producer sent it again after a broker had died with the answer: the log holds two records, and so must PostgreSQL
		}
		found[r.Partition] = append(found[r.Partition], logged{offset: r.Offset, number: number})
	}, s.topic())
	for partition, list := range acked {
		if len(list) > 0 {
			s.t.Fatalf("partition %d: %d records that were acknowledged are not in the log, the first at %d", partition, len(list), list[0].offset)
		}
	}
	s.t.Logf("the log holds %d records that were acknowledged, %d of %d of which nobody knew, and %d that were sent again", len(tr.acked), surprises, len(tr.unsettled), copies)
	return found
}

// checkSoakStored fails the test unless PostgreSQL holds what the log holds: each record once, as its fate says, and counted.
func (s scene) checkSoakStored(tr *traffic, log map[int32][]logged) {
	s.t.Helper()
	conn := s.connect()
	ledger := s.ledger(conn)
	var dead []sent
	for partition := range tr.partitions.Load() {
		records := log[partition]
		var want counts
		var rides []logged
		for _, l := range records {
			switch tr.fate(l.number) {
			case isRide:
				want.Inserted++
				rides = append(rides, l)
			case isDead:
				want.DeadLetters++
				r := tr.record(l.number)
				r.record.Partition, r.record.Offset = partition, l.offset
				dead = append(dead, r)
			case isTombstone:
				want.Tombstones++
			}
		}
		row, found := ledger[place{topic: s.topic(), partition: partition}]
		if !found || row.sum() != row.next-row.first || row.Lost != 0 ||
			row.Inserted != want.Inserted || row.DeadLetters != want.DeadLetters || row.Tombstones != want.Tombstones {
			s.t.Errorf("partition %d: the ledger counts %s (at all: %t), the log holds %+v", partition, row, found, want)
		}
		s.checkSoakRides(conn, tr, partition, rides)
	}
	s.checkDeadLetters(conn, dead)
}

// checkSoakRides compares the rides of a partition, in order.
func (s scene) checkSoakRides(conn *pgx.Conn, tr *traffic, partition int32, want []logged) {
	s.t.Helper()
	lines, end := io.Pipe()
	query := fmt.Sprintf(`COPY (SELECT kafka_offset, (extract(epoch FROM kafka_timestamp) * 1000)::bigint, %s
		FROM rides WHERE kafka_partition = %d ORDER BY kafka_offset) TO STDOUT`, storedColumns, partition)
	go func() { // ends with the COPY, or when lines is closed
		_, err := conn.PgConn().CopyTo(context.WithoutCancel(s.t.Context()), end, query)
		end.CloseWithError(err)
	}()
	defer lines.Close()
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		at, columns, _ := strings.Cut(scanner.Text(), "\t")
		offset, err := strconv.ParseInt(at, 10, 64)
		switch {
		case err != nil:
			s.t.Fatalf("an offset is %q", at)
		case len(want) == 0 || offset < want[0].offset:
			s.t.Fatalf("%s/%d@%d: a ride is stored twice, or was never sent: %s", s.topic(), partition, offset, columns)
		case offset > want[0].offset:
			s.t.Fatalf("%s/%d@%d: the ride is missing", s.topic(), partition, want[0].offset)
		}
		if expected := rideColumns(tr.record(want[0].number)); columns != expected {
			s.t.Fatalf("%s/%d@%d: a ride differs\n got %s\nwant %s", s.topic(), partition, offset, columns, expected)
		}
		want = want[1:]
	}
	if err := scanner.Err(); err != nil {
		s.t.Fatalf("read rides: %v", err)
	}
	if len(want) > 0 {
		s.t.Fatalf("%s/%d: the last %d rides are missing, from %d on", s.topic(), partition, len(want), want[0].offset)
	}
}

// TestSoakTraffic checks these files, not the sink: a number makes the same record always, and all fates come.
func TestSoakTraffic(t *testing.T) {
	t.Parallel()
	tr := &traffic{t: t, topic: "soak", seed: 1}
	seen := map[fate]int{}
	for n := range uint32(2 * tombstonesOfRecords) {
		once, again := tr.record(n), tr.record(n)
		if !bytes.Equal(once.record.Value, again.record.Value) || once.row != again.row {
			t.Fatalf("record %d is not the same twice", n)
		}
		if number, err := numberOf(once.record); err != nil || number != n {
			t.Fatalf("record %d has the key %q", n, once.record.Key)
		}
		seen[once.fate]++
	}
	if seen[isDead] != 2 || seen[isTombstone] != 2 {
		t.Errorf("fates: %v", seen)
	}
}
