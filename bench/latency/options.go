package latency

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// options.go: what is measured.

// Case is one load.
type Case struct {
	Rate       int // rides a second
	Partitions int
}

// Options say what to measure and where. Sink, DatabaseURL and Brokers have no default.
type Options struct {
	Sink        string        // path of the binary
	DatabaseURL string        // of a PostgreSQL on this machine, as a URL; each trial makes a schema and drops it
	Brokers     []string      // of a Kafka on this machine; each trial makes a topic and deletes it
	Cases       []Case        // for Measure; default DefaultCases
	Runs        int           // how often each case is measured, interleaved; default 1
	Compile     time.Duration // how long a load runs before any is measured: Kafka runs slowly until its code is compiled; default 30 s
	Warmup      time.Duration // what is sent before it counts; default 3 s
	Duration    time.Duration // what counts; default 10 s
	Interval    time.Duration // between two looks of the poller; default 5 ms
	Linger      time.Duration // how long the producer waits for company; default 5 ms
	Idle        int           // partitions of Idle; default 64
	Log         io.Writer     // what the sinks log; default nowhere
}

// compileRate is how many rides a second are sent before anything is measured.
const compileRate = 20_000

// DefaultCases are the loads that docs/performance.md shows.
func DefaultCases() []Case {
	return []Case{{Rate: 100, Partitions: 4}, {Rate: 1_000, Partitions: 4}, {Rate: 20_000, Partitions: 4}, {Rate: 20_000, Partitions: 64}}
}

// Result is one case, measured once. A latency counts from the time for which the ride was planned to the answer that shows it.
type Result struct {
	Rate       int     `json:"rides_per_second"`
	Partitions int     `json:"partitions"`
	Run        int     `json:"run"` // from 1
	Sent       int     `json:"sent_rides"`
	P50        float64 `json:"p50_milliseconds"`
	P90        float64 `json:"p90_milliseconds"`
	P99        float64 `json:"p99_milliseconds"`
	Max        float64 `json:"max_milliseconds"`
	// SlowestSend is by how much the generator was late at most: a large number says that the machine, not the sink, was slow.
	SlowestSend float64 `json:"slowest_send_milliseconds"`
	Usage       Usage   `json:"usage"`
	// Baseline is generator and poller without a sink, on a topic of its own, right after.
	Baseline Usage `json:"baseline_without_sink"`
}

// IdleResult is a sink that has nothing to do.
type IdleResult struct {
	Partitions int   `json:"partitions"`
	Usage      Usage `json:"usage"`
}

func (o *Options) fill() error {
	if o.Sink == "" || o.DatabaseURL == "" || len(o.Brokers) == 0 {
		return errors.New("latency: Options needs Sink, DatabaseURL and Brokers")
	}
	if len(o.Cases) == 0 {
		o.Cases = DefaultCases()
	}
	for _, c := range o.Cases {
		if c.Rate < 1 || c.Partitions < 1 {
			return fmt.Errorf("latency: a case needs a rate and partitions of at least 1: %+v", c)
		}
	}
	o.Runs = max(o.Runs, 1)
	for value, otherwise := range map[*time.Duration]time.Duration{
		&o.Compile: 30 * time.Second, &o.Warmup: 3 * time.Second, &o.Duration: 10 * time.Second, &o.Interval: 5 * time.Millisecond, &o.Linger: 5 * time.Millisecond,
	} {
		if *value <= 0 {
			*value = otherwise
		}
	}
	if o.Idle < 1 {
		o.Idle = 64
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	return nil
}

// Measure returns a result for each run of each case, in the order in which they ran: every case once, then every case again. It fails if
// a ride was stored other than exactly once.
func Measure(ctx context.Context, o Options) ([]Result, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	first := o
	first.Duration = o.Compile
	if _, err := measure(ctx, first, Case{Rate: compileRate, Partitions: o.Cases[0].Partitions}); err != nil {
		return nil, fmt.Errorf("before what is measured: %w", err)
	}
	var results []Result
	for run := range o.Runs {
		for _, c := range o.Cases {
			result, err := measure(ctx, o, c)
			if err != nil {
				return results, fmt.Errorf("latency of %d rides/s in %d partitions: %w", c.Rate, c.Partitions, err)
			}
			result.Run = run + 1
			results = append(results, result)
		}
	}
	return results, nil
}

// Idle measures a sink whose partitions get nothing.
func Idle(ctx context.Context, o Options) (IdleResult, error) {
	if err := o.fill(); err != nil {
		return IdleResult{}, err
	}
	usage, err := idle(ctx, o)
	if err != nil {
		return IdleResult{}, fmt.Errorf("idle sink of %d partitions: %w", o.Idle, err)
	}
	return IdleResult{Partitions: o.Idle, Usage: usage}, nil
}
