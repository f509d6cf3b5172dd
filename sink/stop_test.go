package sink

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// stop_test.go: a stop lets what is in flight end, for DrainTimeout and no longer.

// runner is a sink that runs in a goroutine of its own, so that a test can look at it between the call and the end of its stop.
type runner struct {
	cancel context.CancelFunc
	ended  chan error
}

// runAt starts a sink that calls at where its writer reaches a point.
func (f *fixture) runAt(cfg Config, at func(point)) *runner {
	f.t.Helper()
	s := f.sink(cfg)
	s.writer.points = &points{at: at}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{cancel: cancel, ended: make(chan error, 1)}
	var running sync.WaitGroup
	running.Go(func() { r.ended <- s.Run(ctx) })
	f.t.Cleanup(func() { cancel(); running.Wait() })
	return r
}

// stopPatience is how long a stop may take on a machine that is busy with other tests.
const stopPatience = 20 * time.Second

// wait returns how long the sink took to end, and fails the test if that is longer than stopPatience.
func (r *runner) wait(f *fixture) time.Duration {
	f.t.Helper()
	began := time.Now()
	select {
	case err := <-r.ended:
		if err != nil {
			f.t.Errorf("Run ended with %v", err)
		}
	case <-time.After(stopPatience):
		f.t.Fatalf("the sink does not end\n%s", f.log)
	}
	return time.Since(began)
}

// stopInFlight runs a sink, and stops it when the rows of its first transaction are sent and nothing else of it is.
func (f *fixture) stopInFlight(cfg Config) {
	f.t.Helper()
	inFlight, stopped := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r := f.runAt(cfg, func(at point) {
		if at == afterCopy {
			once.Do(func() { close(inFlight); <-stopped })
		}
	})
	select {
	case <-inFlight:
	case <-time.After(patience):
		f.t.Fatalf("no transaction begins\n%s", f.log)
	}
	r.cancel()
	close(stopped)
	r.wait(f)
}

// A transaction that is in flight when the stop comes is ended, not thrown away.
func TestAStopLetsTransactionsEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	f.stopInFlight(f.config())
	if n, at := f.count("SELECT count(*) FROM rides"), f.count("SELECT next_offset FROM sink_ledger"); n == 0 || n != at {
		t.Errorf("%d rides at position %d: the transaction in flight was thrown away\n%s", n, at, f.log)
	}
}

// A transaction that does not end is given up after DrainTimeout, and nothing of it is stored.
func TestAStopEndsAfterDrainTimeout(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	cfg := f.config()
	cfg.DrainTimeout = 200 * time.Millisecond
	r := f.runAt(cfg, func(point) {})
	f.send(0, rides(0, 10)...)
	f.eventually(10, "SELECT coalesce(max(next_offset), 0) FROM sink_ledger")
	holder, err := pgx.Connect(t.Context(), f.url)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE rides"); err != nil {
		t.Fatal(err)
	}
	f.send(0, rides(10, 10)...)
	f.eventually(1, "SELECT least(count(*), 1) FROM pg_locks WHERE NOT granted AND relation = 'rides'::regclass")
	r.cancel()
	if took := r.wait(f); took > cfg.DrainTimeout+3*time.Second {
		t.Errorf("the stop took %s, with a drain timeout of %s\n%s", took, cfg.DrainTimeout, f.log)
	}
	if !strings.Contains(f.log.String(), "drain timed out") {
		t.Errorf("the log does not say that the drain timed out\n%s", f.log)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.count("SELECT count(*) FROM rides"); n != 10 {
		t.Errorf("%d rides, want the 10 from before", n)
	}
}

// A stop is no trouble for a partition that is behind, and about to say so: nothing halts, and what was read is written.
func TestAStopWhileBehindHaltsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	const responses, records = 20, 1_000
	value := []byte(`{"VendorID":1}`) // small, so that a response makes more rows than there is memory for
	for range responses {
		f.send(0, slices.Repeat([][]byte{value}, records)...)
	}
	cfg := f.config()
	cfg.MemoryBytes = 1 << 20
	f.stopInFlight(cfg)
	if n := f.count("SELECT count(*) FROM sink_ledger WHERE halted_reason IS NULL"); n != 1 {
		t.Errorf("the partition is halted\n%s", f.log)
	}
	if n, at := f.count("SELECT count(*) FROM rides"), f.count("SELECT next_offset FROM sink_ledger"); n != at || n == 0 || n == responses*records {
		t.Errorf("%d rides at position %d, want as many, and not all\n%s", n, at, f.log)
	}
}
