package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// fault_sqlstate_test.go: PostgreSQL refuses or ends transactions, with every SQLSTATE that matters. outage_test.go and
// fault_postgres_test.go are about a server that is away.

// troubleSQL lets a test decide what becomes of the next COPYs into rides: as many attempts as trouble says raise its code, or take long; and a
// ride of 1234.56 miles raises the code of refusal.
const troubleSQL = `
CREATE SEQUENCE attempts;
CREATE TABLE trouble (code text, refusal text, until bigint, seconds float8);
INSERT INTO trouble VALUES ('40001', '22000', 0, 0);
CREATE FUNCTION make_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wanted trouble;
BEGIN
	SELECT * INTO wanted FROM trouble;
	IF nextval('attempts') <= wanted.until THEN
		IF wanted.seconds > 0 THEN
			PERFORM pg_sleep(wanted.seconds);
		ELSE
			RAISE EXCEPTION 'trouble made by a test' USING ERRCODE = wanted.code;
		END IF;
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION refuse_long_trips() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.trip_distance = 1234.56 THEN
		RAISE EXCEPTION 'refused by a test' USING ERRCODE = (SELECT refusal FROM trouble);
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER trouble BEFORE INSERT ON rides FOR EACH STATEMENT EXECUTE FUNCTION make_trouble();
CREATE TRIGGER refuse_long_trips BEFORE INSERT ON rides FOR EACH ROW EXECUTE FUNCTION refuse_long_trips()`

// makeTrouble lets the next attempts fail with a code, or take so many seconds each.
func (c *trial) makeTrouble(attempts int, code string, seconds float64) {
	c.t.Helper()
	if _, err := c.conn.Exec(c.t.Context(), `UPDATE trouble SET code = $1, seconds = $2, until = $3 +
		(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM attempts)`, code, seconds, attempts); err != nil {
		c.t.Fatalf("make trouble: %v", err)
	}
}

// passingStates are trouble of the server's that passes; refusingStates are said of a row; haltingStates ask for a human.
func passingStates() []string {
	return []string{
		"08000", "08006", "28000", "28P01", "40001", "40P01", "53000", "53100", "53200", "53300", "57P01", "57P02", "57P03", "55P03", "25006", "25P03", "58000", "58030",
	}
}

func refusingStates() []string {
	return []string{"22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23503", "23P01", "P0001", "54000"}
}

func haltingStates() []string {
	return []string{"0A000", "22P04", "23505", "23514", "25P02", "2F000", "42501", "42703", "42P01", "P0002", "XX000", "XX001", "XX002"}
}

// TestFaultSQLState holds: trouble that passes is waited for; a row that is refused becomes a dead letter, alone; any other code halts, and
// after that was mended everything is stored.
func TestFaultSQLState(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		states   []string
		play     func(c *trial, code string) time.Duration
	}{
		{"trouble that passes", passingStates(), (*trial).passingTrouble},
		{"a row that is refused", refusingStates(), (*trial).refusedRows},
		{"a code that asks for a human", haltingStates(), (*trial).haltingTrouble},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			playCases(t, rowBackends, cases(len(test.states), 100), 2, func(c *trial) func() time.Duration {
				c.exec(troubleSQL)
				played := 0
				return func() time.Duration {
					code := test.states[played%len(test.states)]
					played++
					return test.play(c, code)
				}
			})
		})
	}
}

func (c *trial) passingTrouble(code string) time.Duration {
	c.t.Helper()
	c.makeTrouble(1+c.dice.IntN(3), code, 0)
	c.feed(10)
	return c.complete()
}

func (c *trial) refusedRows(code string) time.Duration {
	c.t.Helper()
	c.sql("UPDATE trouble SET refusal = $1", code)
	rides := madeRides(c.dice, 20)
	bad := map[int]bool{}
	for range 1 + c.dice.IntN(3) {
		bad[c.dice.IntN(len(rides))] = true
	}
	for i := range bad {
		rides[i][tripDistance] = "1234.56"
	}
	records := recordsOf(c.t, c.topic(), c.partitions, rides, writeSnake)
	for i := range bad {
		records[i].fate, records[i].reason = isDead, "rejected_by_database"
	}
	c.send(records)
	took := c.complete()
	for i := range bad {
		at := records[i].place()
		stored := value[string](c.t, c.conn, "SELECT sqlstate FROM sink_dead_letters WHERE kafka_partition = $1 AND kafka_offset = $2", at.partition, at.offset)
		if stored != code {
			c.t.Errorf("%s was refused with %s, the dead letter says %s", at, code, stored)
		}
	}
	return took
}

func (c *trial) haltingTrouble(code string) time.Duration {
	c.t.Helper()
	c.makeTrouble(1_000_000, code, 0)
	c.feed(10)
	c.nextLife()
	c.backfilled(1)
	c.check()
	c.makeTrouble(0, code, 0)
	return c.complete()
}

// sql executes a statement on the trial's connection.
func (c *trial) sql(sql string, args ...any) {
	c.t.Helper()
	if _, err := c.conn.Exec(c.t.Context(), sql, args...); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// TestFaultBackends holds: sessions that are ended, deadlocks that the sink loses, locks it waits for too long, statements that take too long
// and serialization failures cost time and nothing else, and make no dead letters.
func TestFaultBackends(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		short    int
		perScene int
		begin    func(c *trial) func() time.Duration
	}{
		{"sessions ended inside COPY", 10, casesPerScene, endedSessions},
		{"deadlocks", 2, 10, deadlocks},
		{"lock timeouts", 1, 5, lockTimeouts},
		{"statement timeouts", 3, 10, statementTimeouts},
		{"serialization failures", 10, casesPerScene, func(c *trial) func() time.Duration {
			c.exec(troubleSQL)
			c.serve(c.url)
			return func() time.Duration {
				c.makeTrouble(1+c.dice.IntN(5), "40001", 0)
				c.feed(20)
				return c.caughtUp()
			}
		}},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			playCasesBy(t, rowBackends, cases(test.short, 100), test.perScene, 2, test.begin)
		})
	}
}

func endedSessions(c *trial) func() time.Duration {
	relay := startRelay(c.t, c.url, nil, 0)
	c.serve(relay.url(c.url))
	return func() time.Duration {
		g := insideCopy()
		if c.dice.IntN(2) == 0 {
			g = insideLedger()
		}
		relay.hold(g)
		c.feed(20)
		receive(c.t, longWait, "a transaction to be on its way", g.reached)
		relay.hold(nil)
		c.sql(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'rides'::regclass AND pid <> pg_backend_pid()`)
		g.open()
		return c.caughtUp()
	}
}

// deadlocks: a session of the test's holds the ledger and waits for rides, the sink's holds rides and waits for the ledger. Only the sink's looks
// for a deadlock, so PostgreSQL ends that one; where it looked before there was one, its lock_timeout does.
func deadlocks(c *trial) func() time.Duration {
	c.feed(2)
	p := c.serve(c.url)
	c.caughtUp()
	return func() time.Duration {
		var took time.Duration
		c.withLedgerLocked(func(tx pgx.Tx) {
			c.feed(2)
			c.waitForWaiter()
			if _, err := tx.Exec(c.t.Context(), "SET LOCAL deadlock_timeout = '1min'; LOCK TABLE rides IN ACCESS EXCLUSIVE MODE"); err != nil {
				c.t.Fatalf("the deadlock ended the test's transaction: %v; the sink's log: %s", err, tail(p.stderr.String()))
			}
		})
		took = c.caughtUp()
		return took
	}
}

// lockTimeouts: a session of the test's holds the ledger for longer than the sink's lock_timeout.
func lockTimeouts(c *trial) func() time.Duration {
	c.feed(2)
	c.serve(c.url)
	c.caughtUp()
	return func() time.Duration {
		c.withLedgerLocked(func(pgx.Tx) {
			c.feed(2)
			pid := c.waitForWaiter()
			eventually(c.t, longWait, "the sink to give the lock up", func() (bool, string) {
				waiting := value[bool](c.t, c.conn, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)", pid)
				return !waiting, fmt.Sprintf("session %d waits", pid)
			})
		})
		return c.caughtUp()
	}
}

// withLedgerLocked calls do while a session of the test's holds every row of the ledger.
func (c *trial) withLedgerLocked(do func(tx pgx.Tx)) {
	c.t.Helper()
	other := c.connect()
	defer func() { _ = other.Close(c.t.Context()) }()
	tx, err := other.Begin(c.t.Context())
	if err == nil {
		_, err = tx.Exec(c.t.Context(), "SELECT FROM sink_ledger FOR UPDATE")
	}
	if err != nil {
		c.t.Fatalf("lock the ledger: %v", err)
	}
	do(tx)
	if err := tx.Rollback(c.t.Context()); err != nil {
		c.t.Fatalf("unlock the ledger: %v", err)
	}
}

// waitForWaiter returns the session that holds rides of this schema and waits for a lock.
func (c *trial) waitForWaiter() (pid int) {
	c.t.Helper()
	eventually(c.t, longWait, "the sink to wait for the ledger", func() (bool, string) {
		pid = value[int](c.t, c.conn, `SELECT coalesce(min(pid), 0) FROM pg_locks AS has WHERE relation = 'rides'::regclass AND granted
			AND EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = has.pid)`)
		return pid != 0, "nobody waits"
	})
	return pid
}

func statementTimeouts(c *trial) func() time.Duration {
	c.exec(troubleSQL)
	c.serve(withParameter(c.t, c.url, "statement_timeout", "300"))
	return func() time.Duration {
		c.makeTrouble(1+c.dice.IntN(2), "40001", 0.6)
		c.feed(200)
		return c.caughtUp()
	}
}
