package e2e

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fault_poison_test.go: bad records among good ones, in every arrangement.

// TestFaultPoison holds, for every arrangement of bad records and of rides that only a constraint of the user's refuses among good rides: the
// bad are kept byte for byte with their reason, the good are all stored. Each partition is a case of its own in each round.
func TestFaultPoison(t *testing.T) {
	t.Parallel()
	const partitions = 50
	playCasesBy(t, rowPoison, cases(200, 10_000)/partitions, 20, partitions, func(c *trial) func() time.Duration {
		c.exec("ALTER TABLE rides ADD CONSTRAINT no_long_trips CHECK (trip_distance < 900 OR trip_distance IS NULL)")
		c.weight = partitions
		return func() time.Duration {
			var records []sent
			for partition := range int32(partitions) {
				records = append(records, c.arrangement(partition)...)
			}
			c.send(records)
			return c.complete("--max-dead-letters=off")
		}
	})
}

// arrangement makes one to sixteen records for a partition, some of them bad.
func (c *trial) arrangement(partition int32) []sent {
	c.t.Helper()
	n := 1 + c.dice.IntN(16)
	arrangements := []func(i int) bool{
		func(i int) bool { return i == 0 },
		func(i int) bool { return i == n-1 },
		func(int) bool { return true },
		func(i int) bool { return i%2 == 0 },
		func(i int) bool { return i == 0 || i == n-1 },
		func(int) bool { return c.dice.IntN(4) == 0 },
		func(int) bool { return false },
	}
	bad := arrangements[c.dice.IntN(len(arrangements))]
	rejected := c.dice.IntN(3) // of the bad: none, some, or all are for PostgreSQL to refuse
	rides := madeRides(c.dice, n)
	records := make([]sent, n)
	for i := range records {
		switch {
		case !bad(i):
			records[i] = recordsOf(c.t, c.topic(), 1, rides[i:i+1], writeMixed)[0]
		case rejected == 2 || rejected == 1 && c.dice.IntN(2) == 0:
			rides[i][tripDistance] = "1234.56"
			records[i] = recordsOf(c.t, c.topic(), 1, rides[i:i+1], writeSnake)[0]
			records[i].fate, records[i].reason = isDead, "rejected_by_database"
		default:
			kind := badValues()[c.dice.IntN(len(badValues()))]
			records[i] = sent{fate: isDead, reason: kind.reason, record: &kgo.Record{
				Topic: c.topic(), Timestamp: epoch().Add(time.Duration(i) * time.Second), Value: []byte(kind.value(i)),
				Key: oddKeys()[c.dice.IntN(len(oddKeys()))], Headers: oddHeaders()[c.dice.IntN(len(oddHeaders()))],
			}}
		}
		records[i].record.Partition = partition
	}
	if c.dice.IntN(8) == 0 {
		records = append(records, tombstone(c.topic(), partition))
	}
	return records
}
