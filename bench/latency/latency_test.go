package latency

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ridesink/internal/localenv"
)

func TestMain(m *testing.M) { os.Exit(localenv.Main(m)) }

// options are those of a small measurement with the sink of this tree, or of TEST_SINK_BINARY.
func options(t *testing.T) Options {
	t.Helper()
	if _, err := os.Stat("/proc/stat"); err != nil {
		t.Skip("latency is measured on Linux only:", err)
	}
	o := Options{
		Sink: os.Getenv("TEST_SINK_BINARY"), DatabaseURL: localenv.Database(t), Brokers: localenv.Brokers(t),
		Cases: []Case{{Rate: 200, Partitions: 3}}, Compile: time.Second, Warmup: time.Second, Duration: 2 * time.Second, Idle: 2, Log: t.Output(),
	}
	if o.Sink == "" {
		o.Sink = filepath.Join(t.TempDir(), "sink")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", o.Sink, "ridesink/cmd/sink").CombinedOutput(); err != nil {
			t.Fatalf("build the sink: %v\n%s", err, out)
		}
	}
	return o
}

// Every ride of the measured time has one latency, and the times are possible.
func TestMeasureSeesEachRideOnce(t *testing.T) {
	o := options(t)
	began := time.Now()
	results, err := Measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	took := milliseconds(time.Since(began))
	if len(results) != 1 {
		t.Fatalf("%d results of one case", len(results))
	}
	r := results[0]
	if want := o.Cases[0].Rate * int(o.Duration/time.Second); r.Sent != want {
		t.Errorf("%d latencies, want %d", r.Sent, want)
	}
	if r.P50 <= 0 || r.P90 < r.P50 || r.P99 < r.P90 || r.Max < r.P99 || r.Max > took {
		t.Errorf("latencies that cannot be in %.0f ms: %+v", took, r)
	}
	if u := r.Usage; u.MachineBusy <= 0 || u.MachineBusy > 100.1 || u.SinkPeak < 1<<20 || u.SinkSwitches <= 0 || u.Seconds < 0.9*o.Duration.Seconds() {
		t.Errorf("usage that cannot be: %+v", u)
	}
	if r.Baseline.SinkPeak != 0 || r.Baseline.Sink != 0 {
		t.Errorf("a sink ran in the baseline: %+v", r.Baseline)
	}
}

func TestIdle(t *testing.T) {
	o := options(t)
	r, err := Idle(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Partitions != o.Idle || r.Usage.SinkPeak < 1<<20 || r.Usage.Sink > 100 || r.Usage.Transactions != 0 {
		t.Errorf("a sink without work: %+v", r)
	}
}

// A position beyond what was sent must not pass as a latency.
func TestPlannedRefusesWhatWasNotSent(t *testing.T) {
	t.Parallel()
	at := time.Now()
	s := &sender{plans: [][]time.Time{{at, at.Add(time.Second)}}}
	got, err := s.planned(nil, 0, 1, 2)
	if err != nil || len(got) != 1 || got[0] != at.Add(time.Second) {
		t.Errorf("got %v, %v", got, err)
	}
	for name, c := range map[string]struct {
		partition   int
		first, next int64
	}{"beyond the end": {0, 0, 3}, "backwards": {0, 2, 1}, "other partition": {1, 0, 0}} {
		if got, err := s.planned(nil, c.partition, c.first, c.next); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	var latencies []time.Duration
	for i := range 100 {
		latencies = append(latencies, time.Duration(100-i)*time.Millisecond)
	}
	if p50, p90, p99, highest := spread(latencies); p50 != 50 || p90 != 90 || p99 != 99 || highest != 100 {
		t.Errorf("got %v %v %v %v", p50, p90, p99, highest)
	}
}

// A sink that cannot start is an error that says so, and leaves nothing behind.
func TestMeasureNamesASinkThatEnds(t *testing.T) {
	o := options(t)
	o.Sink = "/bin/false"
	if _, err := Measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "the sink ended by itself") {
		t.Errorf("got %v", err)
	}
}

// TestFull measures all cases, for who wants to see them: TEST_FULL=1 go test ./bench/latency -run TestFull -v
func TestFull(t *testing.T) {
	if os.Getenv("TEST_FULL") == "" {
		t.Skip("only with TEST_FULL=1: it takes minutes")
	}
	o := options(t)
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("TEST_LATENCY_DURATION"), "10s"))
	if err != nil {
		t.Fatal(err)
	}
	o.Cases, o.Warmup, o.Duration, o.Idle, o.Log = nil, 3*time.Second, duration, 64, nil
	results, err := Measure(context.WithoutCancel(t.Context()), o)
	if printed := Print(t.Output(), results); err != nil || printed != nil {
		t.Fatal(err, printed)
	}
	idle, err := Idle(t.Context(), o)
	t.Logf("idle: %+v, %v", idle, err)
}
