package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ridesink/internal/localenv"
)

// TestTable holds: what a table's content adds up to is exact, and the speed is that of the transactions after the first.
func TestTable(t *testing.T) {
	t.Parallel()
	server, err := localenv.StartPostgres(t.Context(), localenv.PostgresOptions{Settings: map[string]string{"track_commit_timestamp": "on"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	rides := table{conn, "flink"}
	for range 2 { // the second time it is emptied
		if err := rides.create(t.Context(), rideColumns); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{ // 3 rows, then 2 of which one is a ride that is there already
			`INSERT INTO flink.rides (pickup_datetime, total_amount, trip_distance) SELECT timestamp '2020-02-03' + n * interval '1 s', 0.1, 1.15 FROM generate_series(1, 3) n`,
			`INSERT INTO flink.rides (pickup_datetime, total_amount, trip_distance) SELECT timestamp '2020-02-03' + n * interval '1 s', -0.2, 0 FROM generate_series(3, 4) n`,
		} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := rides.content(t.Context())
	if want := (content{rows: 5, rides: 4, amount: -10, distance: 345}); err != nil || got != want {
		t.Errorf("the table has %+v (%v), want %+v", got, err, want)
	}
	when, err := rides.commits(t.Context())
	if err != nil || when.rowsOfFirst != 3 || !when.last.After(when.first) || time.Since(when.last) > time.Minute {
		t.Errorf("the commits were %+v (%v), want 3 rows first, and both just now", when, err)
	}
	if size, err := rides.size(t.Context()); err != nil || size != 8192 {
		t.Errorf("the table has %d bytes (%v), want one page", size, err)
	}
}

// TestProcess holds: a process that ends says how, with the end of its output; one that does not is ended.
func TestProcess(t *testing.T) {
	t.Parallel()
	scratch, err := localenv.NewScratch("ridesink-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := scratch.Remove(); err != nil {
			t.Error(err)
		}
	})
	failing, err := startProcess(exec.CommandContext(t.Context(), "sh", "-c", "echo the reason; exit 3"), scratch, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := failing.finish(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("a process that fails: %v", err)
	}
	if err := await(t.Context(), failing, func() (bool, error) { return false, nil }); err == nil || !strings.Contains(err.Error(), "it has ended") {
		t.Errorf("waiting for one that has ended: %v", err)
	}

	lasting, err := startProcess(exec.CommandContext(t.Context(), "sleep", "600"), scratch, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := lasting.finish(late); err == nil || !strings.Contains(err.Error(), "it has not ended") || lasting.ended() {
		t.Errorf("a process that lasts: %v", err)
	}
	lasting.kill()
	lasting.kill() // does nothing
	if !lasting.ended() || lasting.peak.Load() <= 0 || lasting.cpu() < 0 {
		t.Errorf("after the kill: ended %v, peak %d, cpu %s", lasting.ended(), lasting.peak.Load(), lasting.cpu())
	}
}
