package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// deadletters_test.go: sink deadletters list, show, retry and drop.

// deadletters runs sink deadletters and returns what it printed.
func (s scene) deadletters(wantExit int, args ...string) string {
	s.t.Helper()
	p := s.start(append([]string{"deadletters"}, args...)...)
	p.wantExit(wantExit, time.Minute)
	return p.stdout.String() + p.stderr.String()
}

// TestDeadLettersRetry holds: after a constraint is gone the refused rides become rows with their values, each once, and the bad ones stay.
func TestDeadLettersRetry(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.exec("ALTER TABLE rides ADD CONSTRAINT no_long_trips CHECK (trip_distance < 900 OR trip_distance IS NULL)")
	rides := madeRides(random(t), 3000)
	for i := range rides {
		if i%5 == 0 {
			rides[i][tripDistance] = "1234.56"
		}
		if i%10 == 0 {
			rides[i][tripDistance] = "5000.00"
		}
	}
	records := recordsOf(t, s.topic(), 2, rides, writeSnake)
	for i := range records {
		switch {
		case i%7 == 0:
			records[i].fate, records[i].reason, records[i].record.Value = isDead, "invalid_json", []byte("no ride")
		case i%5 == 0:
			records[i].fate, records[i].reason = isDead, "rejected_by_database"
		}
	}
	s.publish(records)
	s.backfilled(4)
	s.checkStored(records)
	s.deadletters(0, "retry")
	s.checkStored(records)

	s.exec("ALTER TABLE rides DROP CONSTRAINT no_long_trips; ALTER TABLE rides ADD CONSTRAINT longer_trips CHECK (trip_distance < 4000)")
	for i := range records {
		if records[i].reason == "rejected_by_database" && i%10 != 0 {
			records[i].fate, records[i].reason = isRide, ""
		}
	}
	s.deadletters(0, "retry", "--reason", "rejected_by_database")
	s.checkStored(records)
	s.checkSums(s.connect())
	s.backfilled(4)
	s.checkStored(records)
}

// TestDeadLettersDrop holds: list and show find what is kept; what is dropped counts as lost, with an event, and a backfill is content.
func TestDeadLettersDrop(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := s.mixedRecords(200, 1)
	s.backfilled(4)
	dead := 0
	for _, r := range records {
		if r.fate == isDead {
			dead++
			if got := s.deadletters(0, "show", fmt.Sprintf("%s/0/%d", s.topic(), r.record.Offset)); !strings.Contains(got, "no ride") || !strings.Contains(got, "6e 6f 20 72") {
				t.Fatalf("show says %q", got)
			}
		}
	}
	if got := strings.Count(s.deadletters(0, "list", "--json", "--reason", "invalid_json"), "\n"); got != dead {
		t.Errorf("%d dead letters are listed, want %d", got, dead)
	}
	if got := s.deadletters(0, "list", "--limit", "2"); !strings.HasSuffix(got, "\nthe first 2; --limit shows more\n") || strings.Count(got, s.topic()) != 2 {
		t.Errorf("two of %d dead letters are listed as %q", dead, got)
	}
	if got := s.deadletters(0, "list", "--until", "2020-01-01T00:00:00Z"); got != "no dead letters\n" {
		t.Errorf("no dead letters are listed as %q", got)
	}
	if got := s.deadletters(0, "list", "--json", "--until", "2020-01-01T00:00:00Z"); got != "" {
		t.Errorf("before they were made it lists %q", got)
	}
	s.deadletters(2, "show", s.topic()+"/0/0")
	s.deadletters(2, "drop")
	s.deadletters(0, "drop", "--yes", "--because", "for the test")
	conn := s.connect()
	s.checkSums(conn)
	if row := s.ledger(conn)[place{topic: s.topic()}]; row.Lost != int64(dead) || row.DeadLetters != 0 {
		t.Errorf("the ledger says %s, want %d lost", row, dead)
	}
	if n := value[int](t, conn, "SELECT count(*)::int FROM sink_events WHERE event = 'dead_letters_dropped' AND reason = 'for the test'"); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	s.backfilled(0)
	s.start("verify", "--quiet").wantExit(0, time.Minute)
	s.reset(0, "--to", "100", "--yes")
	s.checkSums(conn)
	s.reset(0, "--to", "earliest", "--yes")
	s.backfilled(4)
	s.checkStored(records)
}
