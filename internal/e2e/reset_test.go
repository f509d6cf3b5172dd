package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// reset_test.go: positions moved by hand: sums close, nothing is doubled, and a second backfill gives the same table.

// reset runs sink reset --yes and returns what it printed.
func (s scene) reset(wantExit int, flags ...string) string {
	s.t.Helper()
	p := s.start(append([]string{"reset"}, flags...)...)
	p.wantExit(wantExit, time.Minute)
	return p.stdout.String() + p.stderr.String()
}

// checkSums fails the test unless each ledger row adds up and counts what the tables hold.
func (s scene) checkSums(conn *pgx.Conn) {
	s.t.Helper()
	for at, row := range s.ledger(conn) {
		name := partitionName(at.topic, at.partition)
		if row.sum() != row.next-row.first {
			s.t.Errorf("%s: the sums do not close: %s", name, row)
		}
		rides := value[int64](s.t, conn, "SELECT count(*) FROM rides WHERE kafka_topic = $1 AND kafka_partition = $2", at.topic, at.partition)
		dead := value[int64](s.t, conn, "SELECT count(*) FROM sink_dead_letters WHERE kafka_topic = $1 AND kafka_partition = $2", at.topic, at.partition)
		if rides != row.Inserted || dead != row.DeadLetters {
			s.t.Errorf("%s: the ledger counts %s, the tables hold %d rides and %d dead letters", name, row, rides, dead)
		}
	}
}

// mixedRecords are rides with tombstones and bad records among them.
func (s scene) mixedRecords(n, partitions int) []sent {
	s.t.Helper()
	records := recordsOf(s.t, s.topic(), partitions, madeRides(random(s.t), n), writeMixed)
	for i := range records {
		switch i % 11 {
		case 3:
			at := records[i].record
			records[i] = tombstone(s.topic(), at.Partition)
			records[i].record.Timestamp = at.Timestamp
		case 7:
			records[i].fate, records[i].reason, records[i].record.Value = isDead, "invalid_json", []byte("no ride")
		}
	}
	s.publish(records)
	return records
}

// TestReset holds: backwards to an offset, to a time, to the beginning: what is above leaves both tables, the counts below are exact, an event
// tells, and a second backfill gives the same table as before.
func TestReset(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario, to string
		target       int64 // of partition 1, which holds every second record
	}{
		{"to an offset", "123", 123},
		{"to a time", epoch().Add(600 * time.Millisecond).Format(time.RFC3339Nano), 300},
		{"to the beginning", "earliest", 0},
		{"to where it is", "500", 500},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			records := s.mixedRecords(1000, 2)
			s.backfilled(4)
			s.checkStored(records)
			conn := s.connect()

			s.reset(0, "--to", test.to, "--dry-run")
			s.checkStored(records)
			if got := s.reset(2, "--to", test.to); !strings.Contains(got, "--yes") {
				t.Errorf("without a terminal it says %q", got)
			}
			s.reset(0, "--to", test.to, "--yes")
			s.checkSums(conn)
			ledger := s.ledger(conn)
			s.checkStored(slices.DeleteFunc(slices.Clone(records), func(r sent) bool {
				return r.record.Offset >= ledger[place{topic: s.topic(), partition: r.record.Partition}].next
			}))
			if row := ledger[place{topic: s.topic(), partition: 1}]; row.next != test.target {
				t.Errorf("partition 1 is %s, want it at %d", row, test.target)
			}
			if n := value[int](t, conn, "SELECT count(*)::int FROM sink_events WHERE event = 'reset' AND details->>'assumed' IS NULL"); n != 2 {
				t.Errorf("%d exact resets in sink_events, want 2", n)
			}
			s.backfilled(4)
			s.checkStored(records)
			s.checkAtEnd(t)
		})
	}
}

// TestResetForward holds: offsets that are passed over are counted as lost, with an event, and are not stored later; a reset back takes that back.
func TestResetForward(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := s.publishRides(100, 1, writeTLC)
	s.backfilled(0)
	records = append(records, s.publishRides(100, 1, writeTLC)...)
	s.reset(0, "--to", "150", "--partition", "0", "--yes", "--reason", "for the test")
	conn := s.connect()
	if row := s.ledger(conn)[place{topic: s.topic()}]; row.Lost != 50 || row.next != 150 {
		t.Errorf("the ledger says %s, want 50 lost", row)
	}
	if event := value[string](t, conn, "SELECT first_offset || ' ' || next_offset || ' ' || reason FROM sink_events WHERE event = 'accepted_loss'"); event != "100 150 for the test" {
		t.Errorf("sink_events says %q", event)
	}
	s.checkSums(conn)
	s.backfilled(0)
	s.checkRides(conn, append(append([]sent{}, records[:100]...), records[150:]...))
	s.reset(0, "--to", "120", "--yes")
	if row := s.ledger(conn)[place{topic: s.topic()}]; row.Lost != 20 || row.next != 120 {
		t.Errorf("after the way back to 120 the ledger says %s, want 20 lost", row)
	}
	s.checkSums(conn)
	s.reset(0, "--to", "earliest", "--yes")
	s.backfilled(0)
	s.checkStored(records)
}

// TestResetRefuses holds: what cannot be meant is refused with the exit code of a usage error and a line that says what can, and changes nothing.
func TestResetRefuses(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := s.publishRides(50, 1, writeTLC)
	s.backfilled(0)
	for _, test := range []struct{ flags, want string }{
		{"--to 51", "[0,50]"},
		{"--to yesterday", "none of earliest"},
		{"", "--to"},
		{"--recreated", "was not made again"},
		{"--to 1 --keep-as x", "--recreated"},
		{"--to 1 --partition 7", "no such partition"},
		{"--to 1 --partition other/0", "--topics"},
	} {
		if got := s.reset(2, append(strings.Fields(test.flags), "--yes")...); !strings.Contains(got, test.want) {
			t.Errorf("%q: it says %q, want %q in it", test.flags, got, test.want)
		}
	}
	s.checkStored(records)
}

// TestResetRecreated holds: a topic that was made again is read from its beginning; the old rows are gone, or go on under another name.
func TestResetRecreated(t *testing.T) {
	t.Parallel()
	for _, keepAs := range []string{"", "old"} {
		t.Run(fmt.Sprintf("keep as %q", keepAs), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			s.publishRides(300, 2, writeTLC)
			s.backfilled(0)
			s.makeAgain(2)
			records := s.publishRides(100, 2, writeTLC)
			flags := []string{"--recreated", "--yes"}
			if keepAs != "" {
				flags = append(flags, "--keep-as", keepAs)
			}
			s.reset(0, flags...)
			s.backfilled(0)
			conn := s.connect()
			if n := value[int](t, conn, "SELECT count(*)::int FROM rides WHERE kafka_topic = 'old'"); keepAs != "" && n != 300 {
				t.Errorf("%d rides are kept, want 300", n)
			}
			s.checkSums(conn)
			s.exec("DELETE FROM rides WHERE kafka_topic = 'old'; DELETE FROM sink_ledger WHERE kafka_topic = 'old'")
			s.checkStored(records)
		})
	}
}

// TestFaultResetUnderRunningSink holds: while a sink writes, its partitions are reset again and again, to places chosen by seed; it follows
// each time, and in the end every record is stored once.
func TestFaultResetUnderRunningSink(t *testing.T) {
	t.Parallel()
	const partitions = 2
	resets := cases(6, 50)
	s := newScene(t, partitions)
	conn, dice := s.connect(), random(t)
	records := s.publishRides(20_000, partitions, writeMixed)
	p := s.run()
	for range resets {
		records = append(records, s.publishRides(500, partitions, writeMixed)...)
		s.letPass(conn, 1+dice.Int64N(5000), 2*time.Second)
		target := dice.Int64N(10_000)
		s.reset(0, "--to", fmt.Sprint(min(target, s.lowestPosition(conn))), "--yes")
		if !p.running() {
			t.Fatalf("the sink ended with exit code %d", p.code)
		}
		s.checkCounted(conn)
	}
	started := time.Now()
	s.waitForEnd(time.Minute)
	progress := time.Since(started)
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	s.checkStored(records)
	s.checkAtEnd(t)
	caseDone(t, rowReset, resets, progress)
}

// lowestPosition is the lowest of all positions: a reset there is forward for nobody.
func (s scene) lowestPosition(conn *pgx.Conn) int64 {
	s.t.Helper()
	return value[int64](s.t, conn, "SELECT min(next_offset) FROM sink_ledger")
}

// checkCounted compares ledger and rides in one snapshot, while a sink writes.
func (s scene) checkCounted(conn *pgx.Conn) {
	s.t.Helper()
	if wrong := value[int](s.t, conn, `SELECT count(*)::int FROM sink_ledger l WHERE next_offset - first_offset <> inserted + dead_lettered + tombstones + not_records + lost
		OR inserted <> (SELECT count(DISTINCT kafka_offset) FROM rides r WHERE r.kafka_topic = l.kafka_topic AND r.kafka_partition = l.kafka_partition)
		OR inserted <> (SELECT count(*) FROM rides r WHERE r.kafka_topic = l.kafka_topic AND r.kafka_partition = l.kafka_partition)`); wrong > 0 {
		s.t.Fatalf("%d partitions hold other rides than the ledger counts, or hold one twice", wrong)
	}
}
