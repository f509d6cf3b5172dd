package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"ridesink/internal/localenv"
)

// report.go: what came out.

// report is the results. It marshals to what -json writes.
type report struct {
	Command     string    `json:"command"`
	Began       time.Time `json:"began"`
	TookSeconds float64   `json:"took_seconds"`
	Commit      string    `json:"commit"`
	Processor   string    `json:"processor"`
	Cores       int       `json:"cores"`
	Memory      int64     `json:"memory_bytes"`
	Load        string    `json:"load_at_begin"`
	Go          string    `json:"go"`
	Postgres    string    `json:"postgres"`
	Kafka       string    `json:"kafka"`
	Settings    []setting `json:"postgres_settings"`
	Results     []*result `json:"results"`
	Latency     *delays   `json:"latency,omitempty"`

	Columns    []*tableCost `json:"columns,omitempty"`
	Tuned      []*tuned     `json:"tuned,omitempty"`
	TunedRides int64        `json:"tuned_rides,omitempty"`
}

// result is a case: its floors, its sinks.
type result struct {
	Part string `json:"part"`
	shape
	Floors []series `json:"floors"`
	Sinks  []series `json:"sinks"`
	Stages *stages  `json:"stages,omitempty"`
}

// series is the runs with a number of connections, or of members.
type series struct {
	Number int           `json:"number"`
	Runs   []measurement `json:"runs"`
}

func newReport(ctx context.Context, e *environment, args []string) *report {
	return &report{
		Command: strings.Join(append([]string{"go run ./bench"}, args...), " "), Began: time.Now().UTC().Truncate(time.Second),
		Commit: commit(ctx), Processor: processor(), Cores: runtime.NumCPU(), Memory: memory(), Load: load(),
		Go: runtime.Version(), Postgres: e.postgres.Version(), Kafka: localenv.KafkaVersion, Settings: e.settings,
	}
}

// begin adds a case.
func (r *report) begin(t task) *result {
	c := &result{Part: t.part, shape: t.shape}
	for _, n := range t.floors {
		c.Floors = append(c.Floors, series{Number: n})
	}
	for _, n := range t.members {
		c.Sinks = append(c.Sinks, series{Number: n})
	}
	if t.stages {
		c.Stages = &stages{}
	}
	r.Results = append(r.Results, c)
	return c
}

// of returns the cases of a part.
func (r *report) of(part string) (of []*result) {
	for _, c := range r.Results {
		if c.Part == part && c.whole() {
			of = append(of, c)
		}
	}
	return of
}

// whole says that everything of the case was measured at least once; a run that failed may have left it before.
func (c *result) whole() bool {
	empty := func(s series) bool { return len(s.Runs) == 0 }
	return !slices.ContainsFunc(c.Floors, empty) && !slices.ContainsFunc(c.Sinks, empty) && (c.Stages == nil || len(c.Stages.Decode) > 0)
}

// comparisons returns the cases of sinks beside floors.
func (r *report) comparisons() (all []*result) {
	for _, c := range r.Results {
		if len(c.Sinks) > 0 && c.whole() {
			all = append(all, c)
		}
	}
	return all
}

// over returns the spread of a number of each run.
func (s series) over(number func(measurement) float64) spread {
	var all []float64
	for _, r := range s.Runs {
		all = append(all, number(r))
	}
	return spreadOf(all)
}

// ratio is the sink's speed over the floor's, pair by pair: 1 is as fast as COPY.
func (c *result) ratio(sink series) spread {
	var all []float64
	for i := range min(len(sink.Runs), len(c.Floors[0].Runs)) {
		all = append(all, c.Floors[0].Runs[i].Seconds/sink.Runs[i].Seconds)
	}
	return spreadOf(all)
}

// perSecond is the speed in rides a second.
func (c *result) perSecond(s series) spread {
	return s.over(func(r measurement) float64 { return float64(c.Rides) / r.Seconds })
}

// perRide is CPU in microseconds a ride.
func (c *result) perRide(s series, cpu func(usage) float64) spread {
	return s.over(func(r measurement) float64 { return cpu(r.Usage) * 1e6 / float64(c.Rides) })
}

// peak is memory in MiB.
func peak(s series, bytes func(usage) int64) spread {
	return s.over(func(r measurement) float64 { return float64(bytes(r.Usage)) / (1 << 20) })
}

// writeJSON writes all numbers of all runs, unless path is empty.
func (r *report) writeJSON(path string) error {
	if path == "" {
		return nil
	}
	content, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(content, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the results (-json): %w", err)
	}
	return nil
}

// writeFiles writes what the flags ask for.
func (r *report) writeFiles(o options) error {
	if err := r.writeJSON(o.json); err != nil {
		return err
	}
	if o.svg != "" {
		if err := os.WriteFile(o.svg, r.chart(), 0o644); err != nil {
			return fmt.Errorf("write the chart (-svg): %w", err)
		}
	}
	if o.markdown != "" {
		return updateDocument(o.markdown, r.markdown())
	}
	return nil
}
