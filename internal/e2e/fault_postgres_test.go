package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ridesink/internal/localenv"

	"github.com/jackc/pgx/v5"
)

// fault_postgres_test.go: a whole PostgreSQL crashes, restarts, refuses to write or to connect, or is away, under sinks that go on by themselves.

// ownPostgres starts a server that a test may kill.
func ownPostgres(t *testing.T, settings map[string]string) *localenv.Postgres {
	t.Helper()
	server, err := localenv.StartPostgres(t.Context(), localenv.PostgresOptions{Settings: settings})
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return server
}

// trialsOn makes trials beside each other in schemas of one server, each with a sink that runs.
func trialsOn(t *testing.T, server *localenv.Postgres, n int) []*trial {
	t.Helper()
	trials := make([]*trial, n)
	for i := range trials {
		trials[i] = newTrial(t, withSchema(t, server.URL(), fmt.Sprintf("trial_%d", i)), 2)
		trials[i].serve(trials[i].url)
	}
	return trials
}

// suffer lets a fault befall all trials at once while records come, n times, checks after each, and finishes.
func suffer(t *testing.T, row faultRow, trials []*trial, n int, befall func(round int)) {
	t.Helper()
	var progress []time.Duration
	for round := range n {
		for _, c := range trials {
			c.feed(4 + c.dice.IntN(200))
		}
		befall(round)
		ended := time.Now()
		for _, c := range trials {
			if c.conn.Ping(t.Context()) != nil { // the fault ended it
				c.conn = c.connect()
			}
			c.caughtUp()
			progress = append(progress, time.Since(ended))
			c.check()
		}
		if t.Failed() {
			t.Fatalf("in round %d", round+1)
		}
	}
	for _, c := range trials {
		c.finish()
	}
	for _, p := range progress {
		caseDone(t, row, 1, p)
	}
}

// TestFaultPostgresCrash holds: while PostgreSQL is killed with -9, or restarted, again and again, the same sinks go on; nothing is lost or doubled.
func TestFaultPostgresCrash(t *testing.T) {
	t.Parallel()
	server := ownPostgres(t, nil)
	trials := trialsOn(t, server, cases(4, 10))
	dice := trials[0].dice
	suffer(t, rowPostgresCrash, trials, cases(2, 30), func(round int) {
		trials[0].letPass(trials[0].conn, dice.Int64N(200), time.Duration(dice.IntN(200))*time.Millisecond)
		if round%3 == 2 {
			shutDown(t, server)
		} else {
			server.Kill()
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatalf("start PostgreSQL again: %v", err)
		}
	})
}

// shutDown ends a server as an operator would who does not wait for its clients.
func shutDown(t *testing.T, server *localenv.Postgres) {
	t.Helper()
	lock := filepath.Join(server.Dir(), "data", "postmaster.pid")
	content, err := os.ReadFile(lock)
	var pid int
	if err == nil {
		_, err = fmt.Sscan(string(content), &pid)
	}
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGINT)
	}
	if err != nil {
		t.Fatalf("shut PostgreSQL down: %v", err)
	}
	eventually(t, longWait, "PostgreSQL to shut down", func() (bool, string) {
		_, err := os.Stat(lock)
		return errors.Is(err, os.ErrNotExist), fmt.Sprint(err)
	})
}

// TestFaultPostgresRefuses holds: a server that has become read only, that has no connection left, or whose disk is full is waited for; no
// record becomes a dead letter for it.
func TestFaultPostgresRefuses(t *testing.T) {
	t.Parallel()
	t.Run("read only", func(t *testing.T) {
		t.Parallel()
		server := ownPostgres(t, nil)
		trials := trialsOn(t, server, cases(2, 5))
		master := connect(t, server.URL())
		set := func(value string) {
			for _, sql := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
				if _, err := master.Exec(t.Context(), sql); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
		}
		suffer(t, rowPostgresRefuses, trials, cases(1, 4), func(int) {
			set("on")
			for _, c := range trials {
				c.feed(20)
				c.waitForOutage(c.running[0])
			}
			set("off")
		})
	})
	t.Run("out of connections", func(t *testing.T) {
		t.Parallel()
		server := ownPostgres(t, map[string]string{"max_connections": "40"})
		trials := trialsOn(t, server, cases(2, 4))
		suffer(t, rowPostgresRefuses, trials, cases(1, 4), func(int) {
			master := connect(t, server.URL())
			keep := []*pgx.Conn{master}
			for _, c := range trials {
				keep = append(keep, c.conn)
			}
			release := takeConnections(t, server.URL(), keep)
			for _, c := range trials {
				c.feed(20)
				c.waitForOutage(c.running[0])
			}
			release()
			_ = master.Close(t.Context())
		})
	})
	t.Run("disk full", func(t *testing.T) {
		t.Parallel()
		playCases(t, rowPostgresRefuses, cases(5, 20), 2, func(c *trial) func() time.Duration {
			c.exec(troubleSQL)
			p := c.serve(c.url)
			return func() time.Duration {
				c.makeTrouble(1_000_000, "53100", 0)
				c.feed(20)
				c.waitForOutage(p)
				c.makeTrouble(0, "53100", 0)
				return c.caughtUp()
			}
		})
	})
}

// waitForOutage waits until a sink has said once more than before that PostgreSQL is away, or that it is still away.
func (c *trial) waitForOutage(p *process) {
	c.t.Helper()
	behind := c.position(c.conn)
	eventually(c.t, longWait, "the sink to notice", func() (bool, string) {
		began := strings.Count(p.stderr.String(), `"msg":"outage"`)
		ended := strings.Count(p.stderr.String(), `"msg":"recovered"`)
		return began > ended, fmt.Sprintf("%d outages began, %d ended; position %d", began, ended, behind)
	})
}

// takeConnections ends every session but those to keep, and takes all that the server has to give, until it is released. A sink that was quick to
// come back is ended again.
func takeConnections(t *testing.T, databaseURL string, keep []*pgx.Conn) (release func()) {
	t.Helper()
	var taken []*pgx.Conn
	eventually(t, longWait, "the server to be out of connections, none of them a sink's", func() (bool, string) {
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			conn, err := pgx.Connect(ctx, databaseURL)
			cancel()
			if err != nil {
				break // none is left
			}
			taken = append(taken, conn)
		}
		var ours []int32
		for _, conn := range slices.Concat(keep, taken) {
			ours = append(ours, int32(conn.PgConn().PID()))
		}
		// Not by its application_name, which a session that is just logging in does not have yet.
		ended := value[int](t, keep[0], `SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> ALL ($1)`, ours)
		return ended == 0, fmt.Sprintf("%d taken, %d sessions of sinks ended", len(taken), ended)
	})
	return func() {
		for _, conn := range taken {
			_ = conn.Close(context.WithoutCancel(t.Context()))
		}
	}
}

// TestFaultPostgresAway holds: with PostgreSQL away for longer than the session timeout the sink keeps its place in the group and goes on where
// it was.
func TestFaultPostgresAway(t *testing.T) {
	t.Parallel()
	playCasesBy(t, rowPostgresAway, cases(2, 50), 1, 2, func(c *trial) func() time.Duration {
		relay := startRelay(c.t, c.url, nil, 0)
		p := c.serve(relay.url(c.url))
		return func() time.Duration {
			relay.away()
			c.feed(50)
			away := time.Now()
			eventually(c.t, longWait, "the session timeout to pass", func() (bool, string) {
				return time.Since(away) > 8*time.Second || !p.running(), time.Since(away).String()
			})
			relay.back()
			took := c.caughtUp()
			if n := strings.Count(p.stderr.String(), `"msg":"assigned"`); n != 1 {
				c.t.Errorf("the sink was given its partitions %d times", n)
			}
			return took
		}
	})
}
