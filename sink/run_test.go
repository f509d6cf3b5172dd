package sink

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Where a topic begins is decided once, for all its partitions, and never again.
func TestStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		start string
		want  int // rides of 10 that are there before, and 5 after
	}{
		{"earliest", 15}, {"latest", 5}, {"7", 8}, {"2000-01-01T00:00:00Z", 15}, {"2100-01-01T00:00:00Z", 5},
	} {
		t.Run(c.start, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			f.send(0, rides(0, 10)...)
			cfg := f.config()
			var err error
			if cfg.Start, err = ParseStart(c.start); err != nil {
				t.Fatal(err)
			}
			f.backfill(cfg)
			f.send(0, rides(10, 5)...)
			f.backfill(f.config()) // without the option: the ledger decides
			if n := f.count("SELECT count(*) FROM rides"); n != c.want {
				t.Errorf("%d rides, want %d", n, c.want)
			}
		})
	}
}

// A running sink follows what happens under it: records, new partitions, lost connections, a ledger that moves; then it stops cleanly.
func TestRunFollows(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	cfg := f.config()
	cfg.DatabaseURL += "&application_name=" + f.topic // its sessions are told from those of other tests
	s, stop := f.run(cfg)
	f.send(0, rides(0, 10)...)
	f.eventually(10, "SELECT count(*) FROM rides")
	if err := s.Ready(); err != nil {
		t.Errorf("not ready while it serves: %v", err)
	}

	if _, err := f.admin().CreatePartitions(t.Context(), 1, f.topic); err != nil { // one more
		t.Fatal(err)
	}
	f.eventually(3, "SELECT count(*) + 1 FROM sink_ledger")
	f.connect()
	f.send(1, rides(10, 10)...)
	f.eventually(20, "SELECT count(*) FROM rides")

	f.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", f.topic)
	f.send(0, rides(20, 10)...)
	f.eventually(30, "SELECT count(*) FROM rides")

	f.exec("WITH gone AS (DELETE FROM rides WHERE kafka_partition = 0 AND kafka_offset >= 5) UPDATE sink_ledger SET next_offset = 5, inserted = 5 WHERE kafka_partition = 0")
	f.send(0, rides(30, 1)...)
	f.eventually(31, "SELECT count(*) FROM rides")
	f.eventually(31, "SELECT count(DISTINCT (kafka_partition, kafka_offset)) FROM rides")

	began := time.Now()
	if err := stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if err := s.Ready(); err == nil {
		t.Error("ready although it has stopped")
	}
}

// A ledger row that somebody deletes under a running sink halts the partition: starting anew would store everything twice.
func TestADeletedLedgerRowHalts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	s, _ := f.run(f.config())
	f.send(0, rides(0, 10)...)
	f.eventually(10, "SELECT count(*) FROM rides")
	f.exec("DELETE FROM sink_ledger")
	f.send(0, rides(10, 10)...)
	f.waitForHalt(s, "sink_ledger is gone")
	if n := f.count("SELECT count(*) FROM rides"); n != 10 {
		t.Errorf("%d rides, want 10", n)
	}
}

// A topic that is made again under a running sink, longer than it was, halts before a record of it is stored as one of the old topic.
func TestATopicMadeAgainUnderARunningSinkHalts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	cfg := f.config()
	cfg.WatchInterval = time.Hour // the fetches themselves must notice
	s, _ := f.run(cfg)
	f.send(0, rides(0, 100)...)
	f.eventually(100, "SELECT count(*) FROM rides")
	f.recreate()
	f.send(0, rides(1000, 400)...)
	f.waitForHalt(s, "made again")
	if n := f.count("SELECT count(*) FROM rides"); n != 100 {
		t.Errorf("%d rides, want the 100 of the old topic", n)
	}
}

// Two members share the partitions; each record is stored once, and a backfill ends in both.
func TestTwoMembersFinishTogether(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4)
	for p := range int32(3) { // the fourth stays empty
		f.send(p, rides(1000*int(p), 500)...)
	}
	ended := make(chan *Summary, 2)
	for range 2 {
		s := f.sink(f.config())
		go func() { // ends with the backfill
			sum, err := s.Backfill(t.Context(), nil)
			if err != nil {
				t.Error(err)
			}
			ended <- sum
		}()
	}
	var inserted int64
	for range 2 {
		select {
		case sum := <-ended:
			if sum == nil || sum.Unfinished() || sum.Totals.Inserted != 1500 {
				t.Fatalf("a member ends with %+v, want all done", sum)
			}
			inserted += sum.ThisRun.Inserted
		case <-time.After(patience):
			t.Fatalf("a member does not end\n%s", f.log)
		}
	}
	if inserted != 1500 {
		t.Errorf("the members stored %d rides together, want 1500", inserted)
	}
	if n := f.count("SELECT count(DISTINCT (kafka_partition, kafka_offset)) FROM rides"); n != 1500 {
		t.Errorf("%d rides, want 1500", n)
	}
}

// The metrics follow the conventions, and count what was written.
func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, append(rides(0, 10), nil, []byte("bad"))...)
	registry := prometheus.NewPedanticRegistry()
	s, err := New(f.config(), registry)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Backfill(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	want := fmt.Sprintf(`# HELP ridesink_records_total Offsets that this process has made durable, by what became of them: inserted, dead_letter, tombstone, not_record, lost.
# TYPE ridesink_records_total counter
ridesink_records_total{outcome="dead_letter",partition="0",topic=%[1]q} 1
ridesink_records_total{outcome="inserted",partition="0",topic=%[1]q} 10
ridesink_records_total{outcome="tombstone",partition="0",topic=%[1]q} 1
`, f.topic)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "ridesink_records_total"); err != nil {
		t.Error(err)
	}
}

// A position that somebody moves under an idle pipeline, or under a halted one, is followed without a restart and without a new record.
func TestAMovedPositionIsFollowed(t *testing.T) {
	t.Parallel()
	const moveTo = `WITH gone AS (DELETE FROM rides WHERE kafka_offset >= $1)
		UPDATE sink_ledger SET next_offset = $1, inserted = $1, last_offset = NULL, halted_reason = NULL, halted_at = NULL`
	f := newFixture(t, 1)
	f.send(0, rides(0, 20)...)
	f.run(f.config())
	f.eventually(20, "SELECT coalesce(max(next_offset), 0) FROM sink_ledger")
	f.exec(moveTo, 5)
	f.eventually(20, "SELECT count(DISTINCT kafka_offset) FROM rides")

	f.exec("ALTER TABLE rides RENAME TO away")
	f.send(0, rides(20, 1)...)
	f.eventually(1, "SELECT count(*) FROM sink_ledger WHERE halted_reason IS NOT NULL")
	f.exec("ALTER TABLE away RENAME TO rides")
	f.exec(moveTo, 7)
	f.eventually(21, "SELECT count(DISTINCT kafka_offset) FROM rides")
	if n := f.count("SELECT (SELECT count(*) FROM rides) - (SELECT inserted FROM sink_ledger)"); n != 0 {
		t.Errorf("%d rides more than the ledger counts", n)
	}
}
