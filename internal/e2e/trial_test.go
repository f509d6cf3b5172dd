package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"ridesink/internal/localenv"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// trial_test.go plays many cases of a fault in one scene: records come, something fails, positions and counts are checked after each case,
// and every value after the last.

// trial is a scene with what its cases share.
type trial struct {
	scene
	conn       *pgx.Conn
	dice       *rand.Rand
	producer   *kgo.Client
	kafka      *kadm.Client
	partitions int
	name       string          // of the first group
	lives      int             // groups begun
	log        []sent          // everything in the topic
	records    []sent          // what the tables must hold of it
	ends       map[int32]int64 // of the partitions' logs
	positions  map[int32]int64 // when they were looked at last
	running    []*process      // ended by finish
	weight     int             // cases that one play stands for
}

// casesPerScene is after how many cases every value is compared, at the latest.
const casesPerScene = 50

// playCases plays n cases of a fault, casesPerScene of them in one trial. begin prepares a trial and returns what plays a case and tells how
// long after the fault positions moved again, 0 if nobody looked.
func playCases(t *testing.T, row faultRow, n, partitions int, begin func(c *trial) (play func() time.Duration)) {
	t.Helper()
	playCasesBy(t, row, n, casesPerScene, partitions, begin)
}

// playCasesBy is playCases with fewer cases in a trial, for cases that take long.
func playCasesBy(t *testing.T, row faultRow, n, perScene, partitions int, begin func(c *trial) (play func() time.Duration)) {
	t.Helper()
	for first := 0; first < n; first += perScene {
		t.Run(fmt.Sprintf("cases from %d", first+1), func(t *testing.T) {
			t.Parallel()
			newTrial(t, localenv.Database(t), partitions).playOut(row, first, min(perScene, n-first), begin)
		})
	}
}

func newTrial(t testing.TB, databaseURL string, partitions int) *trial {
	t.Helper()
	c := &trial{scene: newSceneOn(t, databaseURL, partitions), dice: random(t), partitions: partitions, weight: 1}
	c.conn, c.name = c.connect(), c.group
	c.producer = newClient(t, c.brokers, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	c.kafka = kadm.NewClient(c.producer)
	c.ends, c.positions = map[int32]int64{}, map[int32]int64{}
	return c
}

// playOut plays cases, checks after each, and finishes.
func (c *trial) playOut(row faultRow, first, n int, begin func(c *trial) (play func() time.Duration)) {
	c.t.Helper()
	play, progress := begin(c), make([]time.Duration, 0, n)
	for i := range n {
		progress = append(progress, play())
		c.check()
		if c.t.Failed() {
			c.t.Fatalf("in case %d", first+i+1)
		}
	}
	c.finish()
	for _, p := range progress {
		caseDone(c.t, row, c.weight, p)
	}
}

// feed produces n records in turn to the partitions.
func (c *trial) feed(n int) {
	c.t.Helper()
	c.send(recordsOf(c.t, c.topic(), c.partitions, madeRides(c.dice, n), writeMixed))
}

// send produces records, and expects them to be stored.
func (c *trial) send(records []sent) {
	c.t.Helper()
	publish(c.t, c.producer, records)
	c.log, c.records = append(c.log, records...), append(c.records, records...)
	for _, r := range records {
		c.ends[r.record.Partition] = max(c.ends[r.record.Partition], r.record.Offset+1)
	}
}

// nextLife changes the group, so that nobody waits for the session of a dead member.
func (c *trial) nextLife() {
	c.lives++
	c.group = fmt.Sprintf("%s-%d", c.name, c.lives)
}

// serve starts sink run in a new group, by way of a URL, and returns when it has its partitions. finish ends it.
func (c *trial) serve(databaseURL string) *process {
	c.t.Helper()
	c.nextLife()
	p := c.through(databaseURL).run()
	c.running = append(c.running, p)
	eventually(c.t, longWait, "the sink to have its partitions", func() (bool, string) {
		return p.logged("assigned") || !p.running(), tail(p.stderr.String())
	})
	return p
}

// caughtUp waits until every position is at the end of what was fed, and returns how long that took.
func (c *trial) caughtUp() time.Duration {
	c.t.Helper()
	began := time.Now()
	eventually(c.t, longWait, "positions to get to the end", func() (bool, string) {
		positions := map[int32]int64{}
		for at, row := range c.ledger(c.conn) {
			positions[at.partition] = row.next
		}
		for partition, end := range c.ends {
			if positions[partition] < end {
				return false, fmt.Sprintf("positions %v of %v", positions, c.ends)
			}
		}
		return true, ""
	})
	return time.Since(began)
}

// restart forgets positions: a reset or a restore may take them back.
func (c *trial) restart() { clear(c.positions) }

// countsSQL compares the ledger with what is stored: each column but the first two must be 0.
const countsSQL = `
WITH stored AS (SELECT kafka_partition, count(*) AS all_of_them, count(DISTINCT kafka_offset) AS places, max(kafka_offset) AS last FROM rides GROUP BY 1),
     dead AS (SELECT kafka_partition, count(*) AS all_of_them, max(kafka_offset) AS last FROM sink_dead_letters GROUP BY 1)
SELECT l.kafka_partition, l.next_offset, l.inserted - coalesce(s.all_of_them, 0), coalesce(s.all_of_them - s.places, 0),
       l.dead_lettered - coalesce(d.all_of_them, 0), coalesce(greatest(s.last, d.last) >= l.next_offset, false)::int::bigint,
       l.next_offset - l.first_offset - l.inserted - l.dead_lettered - l.tombstones - l.not_records - l.lost, l.inserted, l.dead_lettered
  FROM sink_ledger l LEFT JOIN stored s USING (kafka_partition) LEFT JOIN dead d USING (kafka_partition)`

// check fails the test unless what is stored fits positions, positions have not gone back, and Kafka was told no more than they say.
func (c *trial) check() {
	c.t.Helper()
	told := c.told() // first: positions can only be further by then
	rows, err := c.conn.Query(c.t.Context(), countsSQL)
	if err != nil {
		c.t.Fatalf("compare the ledger with what is stored: %v", err)
	}
	var partition int32
	var next, missing, doubled, deadMissing, beyond, open, inserted, dead int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &next, &missing, &doubled, &deadMissing, &beyond, &open, &inserted, &dead}, func() error {
		if missing != 0 || doubled != 0 || deadMissing != 0 || beyond != 0 || open != 0 {
			c.t.Errorf("partition %d at %d: %d rides and %d dead letters are missing, %d doubled, beyond the position %d, sums open by %d",
				partition, next, missing, deadMissing, doubled, beyond, open)
			oracleFound(c.t, missing+deadMissing, doubled)
		}
		if rides, bad := c.below(partition, next); inserted != rides || dead != bad {
			c.t.Errorf("partition %d at %d: %d rides and %d dead letters; %d and %d were sent below", partition, next, inserted, dead, rides, bad)
			oracleFound(c.t, max(0, rides+bad-inserted-dead), max(0, inserted+dead-rides-bad))
		}
		if next < c.positions[partition] {
			c.t.Errorf("partition %d went back from %d to %d", partition, c.positions[partition], next)
		}
		if told[partition] > next {
			c.t.Errorf("partition %d: Kafka was told %d, PostgreSQL holds %d", partition, told[partition], next)
		}
		c.positions[partition] = next
		return nil
	})
	if err != nil {
		c.t.Fatalf("compare the ledger with what is stored: %v", err)
	}
}

// told is what this life's group has committed to Kafka.
func (c *trial) told() map[int32]int64 {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	told := map[int32]int64{}
	committed, err := c.kafka.FetchOffsets(ctx, c.group)
	if err != nil {
		c.t.Fatalf("ask for the offsets of %s: %v", c.group, err)
	}
	committed.Each(func(o kadm.OffsetResponse) { told[o.Partition] = o.At })
	return told
}

// below counts what was sent to a partition below an offset.
func (c *trial) below(partition int32, next int64) (rides, dead int64) {
	for _, r := range c.records {
		if r.record.Partition == partition && r.record.Offset < next {
			switch r.fate {
			case isRide:
				rides++
			case isDead:
				dead++
			case isTombstone:
			}
		}
	}
	return rides, dead
}

// goodEnd is the exit code of a backfill that stores everything.
func (c *trial) goodEnd() int {
	for _, r := range c.records {
		if r.fate == isDead {
			return 4
		}
	}
	return 0
}

// complete lets a backfill store the rest and returns how long it took.
func (c *trial) complete(flags ...string) time.Duration {
	c.t.Helper()
	began := time.Now()
	c.nextLife()
	c.backfilled(c.goodEnd(), flags...)
	return time.Since(began)
}

// finish ends what runs, stores the rest and compares every value.
func (c *trial) finish() {
	c.t.Helper()
	for _, p := range c.running {
		var kilobytes int64
		if _, err := fmt.Sscanf(p.status("VmHWM"), "%d kB", &kilobytes); err == nil { // it still runs
			checkPeak(c.t, kilobytes<<10)
		}
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGTERM)
	}
	for _, p := range c.running {
		p.wait(longWait)
	}
	c.complete("--max-dead-letters=off")
	checkLog(c.t, c.brokers, c.log, c.topics...)
	c.checkStored(c.records)
	c.checkAtEnd(c.t)
	c.check()
}
