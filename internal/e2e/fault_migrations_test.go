package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// fault_migrations_test.go: tables made by four starters at once, one of them killed on the way.

// TestFaultMigrations holds: four starters that make the tables at once, one of them killed at any byte of it, leave tables that are whole or
// that `sink migrate up --recover` completes, and rides are stored in them.
func TestFaultMigrations(t *testing.T) {
	t.Parallel()
	playCasesBy(t, rowMigrations, cases(6, 200), 10, 2, func(c *trial) func() time.Duration {
		c.feed(10)
		played := 0
		return func() time.Duration {
			played++
			schema := value[string](c.t, c.conn, "SELECT current_schema()::text") + fmt.Sprintf("_%d", played)
			fresh := c.through(withSchema(c.t, c.url, schema))
			c.t.Cleanup(func() { dropSchema(c.t, c.url, schema) })
			c.raceMigrations(fresh)
			began := time.Now()
			fresh.start("migrate", "up", "--recover").wantExit(0, longWait)
			fresh.group = fmt.Sprintf("%s-%d", c.name, played)
			fresh.backfilled(0)
			took := time.Since(began)
			fresh.checkStored(c.records)
			return took
		}
	})
}

// raceMigrations starts four migrations, one of them through a relay that holds it at some byte until it is killed.
func (c *trial) raceMigrations(s scene) {
	c.t.Helper()
	g := afterBytes(c.dice.Int64N(8000))
	relay := startRelay(c.t, s.url, g, 0)
	defer relay.close()
	unlucky := s.through(relay.url(s.url)).start("migrate", "up")
	var others []*process
	for range 3 {
		others = append(others, s.start("migrate", "up"))
	}
	receive(c.t, longWait, "a migration to be under way", either(g.reached, unlucky.exited))
	unlucky.kill()
	relay.cut()
	for _, p := range others {
		if code := p.wait(longWait); code != 0 && code != 3 { // 3: the killed one left its mark
			c.t.Errorf("%s: exit code %d: %s", p.name, code, tail(p.stderr.String()))
		}
	}
}

// dropSchema is for Cleanup.
func dropSchema(t testing.TB, databaseURL, schema string) {
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, databaseURL)
	if err == nil {
		_, err = conn.Exec(ctx, "DROP SCHEMA "+pgx.Identifier{schema}.Sanitize()+" CASCADE")
		_ = conn.Close(ctx)
	}
	if err != nil {
		t.Errorf("drop schema %s: %v", schema, err)
	}
}
