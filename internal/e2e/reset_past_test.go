package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// reset_past_test.go: the way past a batch that cannot be opened, and a ledger that somebody else keeps locked.

// TestResetPastABatch holds: a batch above the limit halts its partition with the command that goes past it; that command counts the batch as
// lost and nothing else, a backfill goes on behind it, and verify proves what is stored.
func TestResetPastABatch(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(200, 2, writeTLC)
	large := padded(recordsOf(t, s.topic(), 1, madeRides(random(t), 1), writeTLC)[0], 3<<20)
	s.publishLarge([]sent{large})
	records = append(records, s.publishRides(200, 2, writeSnake)...)

	const limit = "--max-batch-bytes=1048576"
	p := s.backfill(limit)
	p.wantExit(1, longWait)
	name := partitionName(s.topic(), 0)
	reason := summaryOf(t, p).of(t, s.topic(), 0).HaltedReason
	command := regexp.MustCompile(`sink reset --to (\d+)`).FindStringSubmatch(reason)
	if command == nil || command[1] != "101" {
		t.Fatalf("%s is halted because of %q, want the command that goes on at 101", name, reason)
	}
	s.reset(0, "--to", command[1], "--partition", name, "--reason", "too large for us", "--yes")
	s.backfilled(0, limit)
	s.checkRides(s.connect(), records)
	conn := s.connect()
	if row := s.ledger(conn)[place{topic: s.topic()}]; row.Lost != 1 || row.Inserted != 200 || row.sum() != row.next-row.first || row.halted != "" {
		t.Errorf("%s is %s, want 200 rides and one loss", name, row)
	}
	const losses = `SELECT count(*)::int FROM sink_events WHERE event = 'accepted_loss' AND kafka_partition = 0 AND first_offset = 100 AND next_offset = 101
		AND reason = 'too large for us'`
	if n := value[int](t, conn, losses); n != 1 {
		t.Errorf("%d events tell of the loss, want 1", n)
	}
	s.verified(0)
}

// TestResetWithoutTheLock holds: a reset gives up where somebody else keeps the ledger locked, says who that may be, and has changed nothing.
func TestResetWithoutTheLock(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.publishRides(100, 1, writeTLC)
	s.backfilled(0)
	conn := s.connect()
	before := fmt.Sprint(s.ledger(conn))
	tx, err := s.connect().Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "SELECT FROM sink_ledger FOR UPDATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if said := s.reset(1, "--to", "10", "--yes"); !strings.Contains(said, "pg_stat_activity") {
		t.Errorf("it says %q, want where to look", said)
	}
	t.Logf("gave up after %.0f s", time.Since(began).Seconds())
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprint(s.ledger(conn)); after != before || s.countRides(conn) != 100 {
		t.Errorf("%s and %d rides, before %s and 100", after, s.countRides(conn), before)
	}
}
