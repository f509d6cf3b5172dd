package e2e

import (
	"testing"
	"time"
)

// fault_commit_test.go: the end of a transaction gets no answer, and Kafka's committed offsets say anything.

// TestFaultCommitReply holds: a connection that is cut while COMMIT is on its way, or its reply, leaves nothing stored twice and nothing
// out: only the ledger knows whether the transaction became durable. One sink lives through all of it.
func TestFaultCommitReply(t *testing.T) {
	t.Parallel()
	playCases(t, rowCommitReply, cases(40, 1000), 2, func(c *trial) func() time.Duration {
		relay := startRelay(c.t, c.url, nil, 0)
		c.serve(relay.url(c.url))
		return func() time.Duration {
			g := beforeCommit(c.dice.Int64N(2))
			if c.dice.IntN(2) == 0 {
				g = beforeCommitReply(c.dice.Int64N(2))
			}
			relay.hold(g)
			c.feed(2 + c.dice.IntN(60))
			receive(c.t, longWait, "a transaction to end", g.reached)
			relay.hold(nil)
			relay.cut()
			g.open()
			return c.caughtUp()
		}
	})
}

// TestFaultKafkaCommits holds: whatever the group's offsets in Kafka say, before a start and between two, each ride is stored once, and
// Kafka is told the truth again.
func TestFaultKafkaCommits(t *testing.T) {
	t.Parallel()
	playCases(t, rowKafkaCommits, cases(10, 100), 4, func(c *trial) func() time.Duration {
		return func() time.Duration {
			c.feed(4 + c.dice.IntN(100))
			c.nextLife()
			garbage := map[int32]int64{}
			for partition, end := range c.ends {
				garbage[partition] = []int64{0, end, end + 1, end + c.dice.Int64N(1000), c.dice.Int64N(end), 1 << 60}[c.dice.IntN(6)]
			}
			c.commitToKafka(garbage)
			began := time.Now()
			c.backfilled(0)
			c.checkCommits(c.conn, true)
			return time.Since(began)
		}
	})
}
