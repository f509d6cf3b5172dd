package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ridesink/bench/latency"
)

// latency.go: how long until a ride is visible. Measured by bench/latency, in the same run.

// delays is what bench/latency found out.
type delays struct {
	Results []latency.Result    `json:"results"`
	Idle    *latency.IdleResult `json:"idle"` // a sink whose partitions get nothing
}

// loads are what is measured, and for how long each.
func loads(short bool) latency.Options {
	if short {
		return latency.Options{
			Cases: []latency.Case{{Rate: 100, Partitions: 2}, {Rate: 1_000, Partitions: 2}}, Idle: 8,
			Compile: time.Second, Warmup: time.Second, Duration: 2 * time.Second,
		}
	}
	return latency.Options{Cases: latency.DefaultCases(), Idle: 64, Warmup: 3 * time.Second, Duration: 10 * time.Second}
}

// latency measures on empty tables and with nothing left to write.
func (b *bench) latency(ctx context.Context, o latency.Options) error {
	if err := b.servers.clear(ctx); err != nil {
		return err
	}
	o.Sink, o.DatabaseURL, o.Brokers, o.Runs = b.servers.sink, b.servers.postgres.URL(), b.servers.kafka.Brokers(), b.runs
	results, err := latency.Measure(ctx, o)
	if err != nil {
		return err
	}
	idle, err := latency.Idle(ctx, o)
	if err != nil {
		return err
	}
	b.report.Latency = &delays{Results: results, Idle: &idle}
	return nil
}

// delayTable has a row for each load: medians over its runs.
func (r *report) delayTable() table {
	t := table{
		title: "From produce to visible by SELECT", head: []string{
			"rides/s", "partitions", "p50 ms", "p99 ms", "max ms", "machine busy %", "without sink %", "sink % of a core",
			"broker", "PostgreSQL", "sink MiB", "transactions/s", "late ms",
		},
		note: "From the time for which a ride was planned to the answer that shows it. Machine busy: all processes, generator and poller included; without sink: those and the broker " +
			"alone. Late: by how much the generator was behind its plan at most, which counts as latency. At 0 rides/s the sink has nothing to do.",
	}
	if r.Latency == nil {
		return t
	}
	type load struct{ rate, partitions int }
	var order []load
	runs := map[load][]latency.Result{}
	for _, one := range r.Latency.Results {
		l := load{one.Rate, one.Partitions}
		if !slices.Contains(order, l) {
			order = append(order, l)
		}
		runs[l] = append(runs[l], one)
	}
	for _, l := range order {
		over := func(number func(latency.Result) float64) spread {
			var all []float64
			for _, one := range runs[l] {
				all = append(all, number(one))
			}
			return spreadOf(all)
		}
		t.rows = append(t.rows, []string{
			grouped(int64(l.rate)), strconv.Itoa(l.partitions),
			over(func(o latency.Result) float64 { return o.P50 }).with("%.1f"),
			over(func(o latency.Result) float64 { return o.P99 }).with("%.1f"),
			over(func(o latency.Result) float64 { return o.Max }).with("%.1f"),
			over(func(o latency.Result) float64 { return o.Usage.MachineBusy }).only("%.1f"),
			over(func(o latency.Result) float64 { return o.Baseline.MachineBusy }).only("%.1f"),
			over(func(o latency.Result) float64 { return o.Usage.Sink }).only("%.1f"),
			over(func(o latency.Result) float64 { return o.Usage.Broker }).only("%.1f"),
			over(func(o latency.Result) float64 { return o.Usage.PostgreSQL }).only("%.1f"),
			over(func(o latency.Result) float64 { return float64(o.Usage.SinkPeak) / (1 << 20) }).only("%.0f"),
			over(func(o latency.Result) float64 { return o.Usage.Transactions }).only("%.0f"),
			over(func(o latency.Result) float64 { return o.SlowestSend }).only("%.1f"),
		})
	}
	if idle := r.Latency.Idle; idle != nil {
		u := idle.Usage
		t.rows = append(t.rows, []string{
			"0", strconv.Itoa(idle.Partitions), "", "", "", fmt.Sprintf("%.1f", u.MachineBusy), "", fmt.Sprintf("%.1f", u.Sink), fmt.Sprintf("%.1f", u.Broker),
			fmt.Sprintf("%.1f", u.PostgreSQL), fmt.Sprintf("%.0f", float64(u.SinkPeak)/(1<<20)), fmt.Sprintf("%.0f", u.Transactions), "",
		})
	}
	return t
}
