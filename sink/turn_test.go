package sink

import (
	"context"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What all shares can hold together is the budget, as far as the smallest shares allow.
func TestMemoryIsSharedOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario                              string
		memory, most, partitions, connections int
		wantOwn, wantTurn, wantRows           int
		wantTurns, wantOver                   int
	}{
		{"one partition needs no more than is useful", 128 << 20, 32 << 20, 1, 2, 256 << 10, 4 << 20, 6 << 20, 1, 0},
		{"a few partitions have more turns than connections", 128 << 20, 32 << 20, 8, 2, 256 << 10, 4 << 20, 6 << 20, 4, 0},
		{"many partitions have little each", 128 << 20, 32 << 20, 256, 2, 21845, 4 << 20, 4194368, 4, 0},
		{"beyond that the smallest shares need more", 128 << 20, 32 << 20, 1024, 2, 16 << 10, 4 << 20, 4 << 20, 4, 64 << 20},
		{"many connections have smaller turns", 128 << 20, 32 << 20, 64, 15, 87381, 986895, 986898, 17, 0},
		{"little memory", 1 << 20, 1 << 20, 1, 2, 43690, 131072, 131074, 1, 0},
		{"no share is above the largest batch", 128 << 20, 1 << 20, 4, 2, 256 << 10, 1 << 20, 6 << 20, 4, 0},
	} {
		own, turns := shareOut(c.memory, c.most, c.partitions, c.connections)
		if own != c.wantOwn || turns.bytes != c.wantTurn || turns.rows != c.wantRows || turns.count != c.wantTurns {
			t.Errorf("%s: %d bytes of its own, %d turns of %d and rows of %d, want %d, %d of %d and rows of %d", c.scenario, own, turns.count, turns.bytes, turns.rows,
				c.wantOwn, c.wantTurns, c.wantTurn, c.wantRows)
		}
		if all := buffersPerShare*c.partitions*own + buffersAhead*turns.count*(2*turns.bytes+turns.rows); all > c.memory+c.wantOver {
			t.Errorf("%s: %d bytes in all, %d are allowed", c.scenario, all, c.memory+c.wantOver)
		}
	}
}

// Partitions get turns in the order in which they asked, and none waits for ever.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, turns := shareOut(1<<20, 1<<20, 2, 1)
		ctx := t.Context()
		first, second := turns.take(ctx, 0), turns.take(ctx, 0)
		if first == nil || second == nil || !first.turn {
			t.Fatal("two turns are free, and they are none")
		}
		if turns.wanted() {
			t.Error("a turn is wanted, and nobody waits")
		}
		got := make(chan int)
		for i := range 3 {
			go func() { // ends when it has a turn
				s := turns.take(ctx, 0)
				got <- i
				turns.giveBack(s)
			}()
			synctest.Wait()
		}
		if !turns.wanted() {
			t.Error("three wait, and no turn is wanted")
		}
		turns.giveBack(first)
		for want := range 3 {
			if i := <-got; i != want {
				t.Errorf("number %d got its turn, want number %d", i, want)
			}
		}
		synctest.Wait()
		first = turns.take(ctx, 0)
		began := time.Now()
		if turns.take(ctx, 0) != nil || time.Since(began) != turnPatience {
			t.Errorf("a turn came or was given up after %s, want none after %s", time.Since(began), turnPatience)
		}
		stopped, stop := context.WithCancel(ctx)
		stop()
		if began := time.Now(); turns.take(stopped, 0) != nil || time.Since(began) != 0 {
			t.Error("who is stopped waits for a turn")
		}
		turns.giveBack(first)
		turns.giveBack(second)
	})
}

// Many partitions that are far behind are moved in a few turns, each of which goes round several times. Each record is stored once.
func TestManyPartitionsTakeTurns(t *testing.T) {
	t.Parallel()
	const partitions, each = 12, 12_000
	f := newFixture(t, partitions)
	for p := range int32(partitions) {
		f.sendInBatches(p, each)
	}
	cfg := f.config()
	cfg.MemoryBytes, cfg.Connections = 1<<20, 2
	if _, turns := shareOut(cfg.MemoryBytes, cfg.MaxBatchBytes, partitions, cfg.Connections); turns.bytes*responsesPerTurn > each*len(rides(0, 1)[0])*9/10 {
		t.Fatalf("a turn of %d responses of %d bytes is all of a partition: nothing goes round", responsesPerTurn, turns.bytes)
	}
	sum := f.backfill(cfg)
	if sum.ThisRun != (Counts{Inserted: partitions * each}) {
		t.Errorf("%+v, want %d inserted\n%s", sum.ThisRun, partitions*each, f.log)
	}
	if n := turnsBeforeTheFirstEnd(t, f.log.String(), each); n < partitions/2 {
		t.Errorf("%d of %d partitions had a turn before the first was at its end, want most\n%s", n, partitions, f.log)
	}
	for p := range partitions {
		if n := f.count("SELECT count(DISTINCT vendor_id) FROM rides WHERE kafka_partition = $1", p); n != each {
			t.Errorf("partition %d has %d different rides, want %d", p, n, each)
		}
	}
}

// logged is one transaction, as the log tells it.
type logged struct{ partition, next int }

// writesIn returns the transactions of a log in order.
func writesIn(t *testing.T, log string) []logged {
	t.Helper()
	var writes []logged
	for _, match := range regexp.MustCompile(`msg=wrote topic=\S+ partition=(\d+) first=\d+ next=(\d+) `).FindAllStringSubmatch(log, -1) {
		partition, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		next, err := strconv.Atoi(match[2])
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, logged{partition: partition, next: next})
	}
	return writes
}

// turnsBeforeTheFirstEnd returns how many partitions were well on their way when the first had written all of its records.
func turnsBeforeTheFirstEnd(t *testing.T, log string, records int) int {
	t.Helper()
	begun := map[int]bool{}
	for _, w := range writesIn(t, log) {
		if w.next > records/4 {
			begun[w.partition] = true
		}
		if w.next == records {
			return len(begun)
		}
	}
	t.Fatal("no partition came to its end")
	return 0
}

// sendInBatches produces n rides in small batches, as they come from a live producer, and not compressed.
func (f *fixture) sendInBatches(partition int32, n int) {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...), kgo.DefaultProduceTopic(f.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	for first := 0; first < n; first += 100 {
		records := make([]*kgo.Record, 0, 100)
		for _, value := range rides(first, 100) {
			records = append(records, &kgo.Record{Partition: partition, Value: value})
		}
		if err := client.ProduceSync(f.t.Context(), records...).FirstErr(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// A partition whose rows in PostgreSQL somebody has locked keeps its turn; the others go on.
func TestALockedPartitionDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4)
	f.backfill(f.config()) // makes the ledger's rows
	tx, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM sink_ledger WHERE kafka_partition = 0 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	for p := range int32(4) {
		f.sendInBatches(p, 2000)
	}
	cfg := f.config()
	cfg.MemoryBytes, cfg.Connections = 1<<20, 1
	_, stop := f.run(cfg)
	other := f.sink(cfg).db
	deadline := time.Now().Add(patience)
	for stored := 0; stored < 6000; {
		if err := other.QueryRow(t.Context(), "SELECT count(*) FROM rides WHERE kafka_partition > 0").Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of 6000 rides of the other partitions are stored after %s\n%s", stored, patience, f.log)
		}
		sleep(t.Context(), 20*time.Millisecond)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.eventually(8000, "SELECT count(*)::int FROM rides")
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A turn is given back when the leader does not answer: others can use it meanwhile.
func TestATurnIsGivenBackInTrouble(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	cfg := f.config()
	cfg.Brokers = []string{"127.0.0.1:1"}
	s := f.sink(cfg)
	own, turns := shareOut(cfg.MemoryBytes, cfg.MaxBatchBytes, 1, 1)
	tp := topicPartition{topic: f.topic}
	p := &pipeline{topicPartition: tp, sink: s, log: cfg.Logger, state: newPartitionState(tp), end: -1, own: newShare(own, own), turns: turns, rows: newRowsLimit(turns.rows)}
	turn := turns.take(t.Context(), 0)
	turn.refill()
	out := make(chan chunk)
	go p.fetch(t.Context(), t.Context(), 0, turn, out) // ends with out
	for c := range out {
		t.Errorf("a leader that does not answer brought %+v", c)
	}
	if len(turn.responses) != buffersAhead {
		t.Errorf("%d of %d responses came back", len(turn.responses), buffersAhead)
	}
}
