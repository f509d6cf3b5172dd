package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"ridesink/internal/localenv"
)

// settings.go: what PostgreSQL's settings do to a backfill. Each has a server of its own, and they take turns.

// tuned is a server with settings, and the backfills into it.
type tuned struct {
	Settings map[string]string `json:"settings"` // beside the defaults
	Runs     []measurement     `json:"runs"`
}

// tunings are what a user may think of; the first is what PostgreSQL comes with. The last gives up something: see docs/performance.md.
func tunings() []*tuned {
	return []*tuned{
		{Settings: map[string]string{}},
		{Settings: map[string]string{"shared_buffers": "1GB"}},
		{Settings: map[string]string{"wal_buffers": "64MB"}},
		{Settings: map[string]string{"max_wal_size": "8GB"}},
		{Settings: map[string]string{"shared_buffers": "1GB", "wal_buffers": "64MB", "max_wal_size": "8GB"}},
		{Settings: map[string]string{"wal_compression": "on"}},
		{Settings: map[string]string{"synchronous_commit": "off"}},
	}
}

func (t *tuned) String() string {
	if len(t.Settings) == 0 {
		return "as it comes"
	}
	var text string
	for _, name := range slices.Sorted(maps.Keys(t.Settings)) {
		text += ", " + name + "=" + t.Settings[name]
	}
	return text[2:]
}

// tune moves the topic into each server, in turns.
func (e *environment) tune(ctx context.Context, t *topic, runs int) (all []*tuned, err error) {
	all = tunings()
	servers := make([]*environment, len(all))
	defer func() {
		for _, s := range servers {
			if s != nil {
				err = errors.Join(err, s.conn.Close(context.WithoutCancel(ctx)), s.postgres.Stop())
			}
		}
	}()
	for i, one := range all {
		if servers[i], err = e.beside(ctx, one.Settings); err != nil {
			return nil, fmt.Errorf("PostgreSQL with %s: %w", one, err)
		}
	}
	for range runs {
		for i, one := range all {
			r, err := servers[i].sinks(ctx, t, 1)
			if err != nil {
				return nil, fmt.Errorf("PostgreSQL with %s: %w", one, err)
			}
			one.Runs = append(one.Runs, r)
		}
	}
	return all, nil
}

// beside is an environment with a PostgreSQL of its own. The caller closes its connection and stops that server, and nothing else of it.
func (e *environment) beside(ctx context.Context, settings map[string]string) (*environment, error) {
	other := *e
	var err error
	if other.postgres, err = localenv.StartPostgres(ctx, localenv.PostgresOptions{Settings: settings}); err != nil {
		return nil, err
	}
	if other.conn, err = pgx.Connect(ctx, other.postgres.URL()); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to PostgreSQL: %w", err), other.postgres.Stop())
	}
	if err := other.command(ctx, "migrate", "up"); err != nil {
		return nil, errors.Join(err, other.conn.Close(ctx), other.postgres.Stop())
	}
	return &other, nil
}

// tuningTable has a row for each server: medians, and pairs with the first.
func (r *report) tuningTable() table {
	t := table{
		title: "What PostgreSQL's settings do", head: []string{"settings", "speed beside the defaults", "rides/s", "PostgreSQL's CPU, us a ride"},
		note: "sink backfill of the headline's topic into servers with other settings, in turns.",
	}
	for _, one := range r.Tuned {
		var ratios, speeds, cpu []float64
		for i, run := range one.Runs {
			ratios = append(ratios, r.Tuned[0].Runs[i].Seconds/run.Seconds)
			speeds = append(speeds, float64(r.TunedRides)/run.Seconds)
			cpu = append(cpu, run.Usage.PostgresCPU*1e6/float64(r.TunedRides))
		}
		t.rows = append(t.rows, []string{one.String(), spreadOf(ratios).with("%.2f"), rate(spreadOf(speeds)), spreadOf(cpu).only("%.2f")})
	}
	return t
}
