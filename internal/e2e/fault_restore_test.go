package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fault_restore_test.go: tables that go back in time, first starts that race or die, ledger rows that somebody deletes, tables that change.

// tablesInOrder are what a backup holds together, in the order in which the sink locks them.
func tablesInOrder() []string { return []string{"rides", "sink_dead_letters", "sink_ledger"} }

// backUp keeps a copy of the tables as they are now, in one transaction.
func (c *trial) backUp() {
	c.t.Helper()
	sql := "BEGIN ISOLATION LEVEL REPEATABLE READ;"
	for _, table := range tablesInOrder() {
		sql += fmt.Sprintf("DROP TABLE IF EXISTS backup_of_%[1]s; CREATE TABLE backup_of_%[1]s AS TABLE %[1]s;", table)
	}
	c.sql(sql + "COMMIT")
}

// restore puts the copy back in one transaction, as a failover to an older replica does, or an operator.
func (c *trial) restore() {
	c.t.Helper()
	sql := "BEGIN;"
	for _, table := range tablesInOrder() {
		sql += fmt.Sprintf("LOCK TABLE %[1]s IN ACCESS EXCLUSIVE MODE; DELETE FROM %[1]s; INSERT INTO %[1]s TABLE backup_of_%[1]s;", table)
	}
	c.sql(sql + "COMMIT")
	c.restart()
}

// TestFaultDatabaseRestored holds: after a restore of tables that are older than what Kafka was told, everything since is stored again, once.
func TestFaultDatabaseRestored(t *testing.T) {
	t.Parallel()
	playCases(t, rowDatabaseRestored, cases(10, 50), 2, func(c *trial) func() time.Duration {
		return func() time.Duration {
			c.feed(c.dice.IntN(100))
			c.complete()
			c.backUp()
			c.feed(2 + c.dice.IntN(100))
			c.complete()
			told := c.group
			c.restore()
			c.group = told // Kafka is ahead of the tables in this group
			began := time.Now()
			c.backfilled(0)
			return time.Since(began)
		}
	})
}

// TestFaultDatabaseRewound holds the same for tables that go back while the sink runs.
func TestFaultDatabaseRewound(t *testing.T) {
	t.Parallel()
	playCases(t, rowDatabaseRewound, cases(10, 50), 2, func(c *trial) func() time.Duration {
		c.feed(10)
		c.serve(c.url)
		c.caughtUp()
		return func() time.Duration {
			c.feed(2 + c.dice.IntN(100))
			if c.dice.IntN(2) == 0 {
				c.caughtUp()
			}
			c.backUp()
			c.feed(2 + c.dice.IntN(400))
			c.letPass(c.conn, c.dice.Int64N(200), 100*time.Millisecond)
			c.restore()
			c.feed(2) // a position that nobody moves is not looked at
			took := c.caughtUp()
			c.waitUntilTold()
			return took
		}
	})
}

// waitUntilTold waits until Kafka was told no more than the tables hold: after a rewind the next commit says so.
func (c *trial) waitUntilTold() {
	c.t.Helper()
	eventually(c.t, longWait, "Kafka to be told of the rewind", func() (bool, string) {
		told := c.told()
		for at, row := range c.ledger(c.conn) {
			if told[at.partition] > row.next {
				return false, fmt.Sprintf("told %v", told)
			}
		}
		return true, ""
	})
}

// TestFaultFirstStart holds: where a topic begins is decided once, whoever is killed or comes second; a ledger row deleted by hand halts.
func TestFaultFirstStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		begin    func(c *trial) func() time.Duration
	}{
		{"--start latest killed before the first batch", killedFirstStart},
		{"two first starters", twoFirstStarters},
		{"ledger row deleted by hand", deletedRow},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			playCasesBy(t, rowFirstStart, cases(3, 17), 9, 2, test.begin)
		})
	}
}

// forget empties the tables, as if the topic had never been read.
func (c *trial) forget() {
	c.t.Helper()
	c.sql("TRUNCATE rides, sink_dead_letters, sink_ledger")
	c.records = nil
	c.restart()
}

func killedFirstStart(c *trial) func() time.Duration {
	return func() time.Duration {
		c.forget()
		c.feed(2 + c.dice.IntN(50))
		c.records = nil // from before
		c.nextLife()
		p := c.run("--start=latest")
		eventually(c.t, longWait, "the start to be decided", func() (bool, string) {
			return len(c.ledger(c.conn)) == c.partitions || !p.running(), tail(p.stderr.String())
		})
		p.kill()
		c.feed(2 + c.dice.IntN(50))
		c.nextLife()
		began := time.Now()
		c.backfilled(0, "--start=latest")
		return time.Since(began)
	}
}

func twoFirstStarters(c *trial) func() time.Duration {
	return func() time.Duration {
		c.forget()
		c.records = append(c.records, c.log...)
		c.feed(50 + c.dice.IntN(50))
		starts := []string{"earliest", "latest", "7", "20"}
		c.nextLife()
		first := c.backfill("--start=" + starts[c.dice.IntN(len(starts))])
		if c.dice.IntN(2) == 0 {
			c.nextLife()
		}
		began := time.Now()
		second := c.backfill("--start=" + starts[c.dice.IntN(len(starts))])
		first.wantExit(0, longWait)
		second.wantExit(0, longWait)
		ledger := c.ledger(c.conn)
		var kept []sent
		for _, r := range c.records {
			if r.record.Offset >= ledger[place{topic: c.topic(), partition: r.record.Partition}].first {
				kept = append(kept, r)
			}
		}
		c.records = kept
		return time.Since(began)
	}
}

func deletedRow(c *trial) func() time.Duration {
	return func() time.Duration {
		c.feed(20)
		p := c.serve(c.url)
		c.caughtUp()
		c.sql("CREATE TABLE kept AS SELECT * FROM sink_ledger WHERE kafka_partition = 1")
		c.sql("DELETE FROM sink_ledger WHERE kafka_partition = 1")
		c.feed(20)
		eventually(c.t, longWait, "the partition to halt and the other to go on", func() (bool, string) {
			other := c.ledger(c.conn)[place{topic: c.topic()}]
			return strings.Contains(p.stderr.String(), "halted") && other.next == c.ends[0], fmt.Sprintf("%s; %s", other, tail(p.stderr.String()))
		})
		p.signal(syscall.SIGTERM)
		p.wait(stopBound)
		c.running = nil
		c.sql("INSERT INTO sink_ledger SELECT * FROM kept")
		c.sql("DROP TABLE kept")
		return c.complete()
	}
}

// TestFaultTableRules holds: a partition of rides that is missing, and a unique index that good rides break, halt and make no dead letters;
// when that was mended everything is stored.
func TestFaultTableRules(t *testing.T) {
	t.Parallel()
	t.Run("a partition of rides is missing", func(t *testing.T) {
		t.Parallel()
		playCasesBy(t, rowTableRules, cases(3, 10), 10, 2, func(c *trial) func() time.Duration {
			c.exec(`ALTER TABLE rides RENAME TO rides_plain;
				CREATE TABLE rides (LIKE rides_plain INCLUDING DEFAULTS) PARTITION BY RANGE (kafka_offset);
				CREATE TABLE rides_to_0 PARTITION OF rides FOR VALUES FROM (MINVALUE) TO (0)`)
			covered := int64(0)
			return func() time.Duration {
				c.feed(10 + c.dice.IntN(40))
				c.nextLife()
				c.backfilled(1)
				c.check()
				until := max(c.ends[0], c.ends[1])
				c.exec(fmt.Sprintf("CREATE TABLE rides_to_%[2]d PARTITION OF rides FOR VALUES FROM (%[1]d) TO (%[2]d)", covered, until))
				covered = until
				return c.complete()
			}
		})
	})
	t.Run("a unique index is added", func(t *testing.T) {
		t.Parallel()
		playCasesBy(t, rowTableRules, cases(3, 10), 10, 2, func(c *trial) func() time.Duration {
			c.exec("CREATE UNIQUE INDEX once ON rides (kafka_topic, kafka_partition, kafka_offset)") // nothing breaks this one
			return func() time.Duration {
				c.exec(fmt.Sprintf("CREATE UNIQUE INDEX lonely ON rides (kafka_topic) WHERE kafka_offset >= %d", max(c.ends[0], c.ends[1])))
				c.feed(40)
				c.nextLife()
				c.backfilled(1)
				c.check()
				c.exec("DROP INDEX lonely")
				return c.complete()
			}
		})
	})
}
