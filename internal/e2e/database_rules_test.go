package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// database_rules_test.go: rules that users add to their tables, and tables that change under the sink.

func (s scene) exec(sql string) {
	s.t.Helper()
	if _, err := s.connect().Exec(s.t.Context(), sql); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// TestRejectedByDatabase holds: a ride that a constraint of the user's refuses becomes a dead letter with the SQLSTATE; all others are
// stored, whether the refused ones stand first, last, together or alone.
func TestRejectedByDatabase(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.exec("ALTER TABLE rides ADD CONSTRAINT no_long_trips CHECK (trip_distance < 900 OR trip_distance IS NULL)")
	rides := madeRides(random(t), 5000)
	for _, i := range []int{0, 1, 777, 1500, 1501, 1502, 1503, 3333, 4998, 4999} {
		rides[i][tripDistance] = "1234.56"
	}
	records := recordsOf(t, s.topic(), 2, rides, writeSnake)
	dead := 0
	for i := range records {
		if rides[i][tripDistance] == "1234.56" {
			records[i].fate, records[i].reason = isDead, "rejected_by_database"
			dead++
		}
	}
	s.publish(records)
	s.backfilled(4)
	s.checkStored(records)
	s.checkAtEnd(t)
	if n := value[int](t, s.connect(), "SELECT count(*)::int FROM sink_dead_letters WHERE sqlstate = '23514'"); n != dead {
		t.Errorf("%d dead letters have SQLSTATE 23514, want %d", n, dead)
	}
}

// TestTablesThatTakeNoRide holds: a fault of the tables, and not of the records, halts or fails loudly and makes no dead letters; when it
// is mended the sink goes on and everything is stored.
func TestTablesThatTakeNoRide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario, spoil, mend, wantText string
	}{
		{
			scenario: "a column is missing", spoil: "ALTER TABLE rides RENAME COLUMN fare_amount TO fare", mend: "ALTER TABLE rides RENAME COLUMN fare TO fare_amount",
			wantText: "fare_amount",
		},
		{
			scenario: "no partition of a partitioned table takes the rides",
			spoil: `ALTER TABLE rides RENAME TO rides_plain;
				CREATE TABLE rides (LIKE rides_plain INCLUDING DEFAULTS) PARTITION BY RANGE (kafka_offset);
				CREATE TABLE rides_low PARTITION OF rides FOR VALUES FROM (0) TO (10)`,
			mend: "CREATE TABLE rides_high PARTITION OF rides FOR VALUES FROM (10) TO (MAXVALUE)", wantText: "partition",
		},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 1)
			records := s.publishRides(300, 1, writeTLC)
			s.exec(test.spoil)
			p := s.backfill()
			p.wantExit(1, time.Minute)
			if text := p.stdout.String() + p.stderr.String(); !strings.Contains(text, test.wantText) {
				t.Errorf("neither summary nor log says %q", test.wantText)
			}
			if n := value[int](t, s.connect(), "SELECT count(*)::int FROM sink_dead_letters"); n != 0 {
				t.Errorf("%d dead letters were made of good rides", n)
			}
			s.exec(test.mend)
			s.backfilled(0)
			s.checkStored(records)
			s.checkAtEnd(t)
		})
	}
}

// TestLedgerRowVanishes holds: a ledger row that is deleted under a running sink halts that partition and doubles nothing.
func TestLedgerRowVanishes(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(200, 2, writeTLC)
	p := s.run()
	s.waitForEnd(time.Minute)
	s.exec("DELETE FROM sink_ledger WHERE kafka_partition = 1")
	more := s.publishRides(200, 2, writeTLC)
	conn := s.connect()
	target := int64(len(records) + len(more)/2)
	eventually(t, 30*time.Second, "the other partition to go on and this one to be named on stderr", func() (bool, string) {
		return s.countRides(conn) == target && strings.Contains(p.stderr.String(), "sink_ledger"), tail(p.stderr.String())
	})
	p.signal(syscall.SIGTERM)
	p.wait(stopBound)
	for _, r := range more {
		if r.record.Partition == 0 {
			records = append(records, r)
		}
	}
	s.checkRides(conn, records)
}

// TestStartersAtOnce holds: four processes that all make the tables of an empty schema and read the same topic end with exit code 0, and
// each ride is stored once.
func TestStartersAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4)
	s.start("migrate", "down", "--all").wantExit(0, 30*time.Second)
	records := s.publishRides(4000, 4, writeMixed)
	processes := make([]*process, 4)
	for i := range processes {
		processes[i] = s.backfill("--migrate")
	}
	for _, p := range processes {
		p.wantExit(0, time.Minute)
		summaryOf(t, p)
	}
	s.checkStored(records)
	s.checkAtEnd(t)
}
