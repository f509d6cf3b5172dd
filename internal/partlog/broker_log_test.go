package partlog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
)

// broker_log_test.go: what a real Kafka does to a log: transactions, compaction, leaders that move.

func TestKafkaTransactions(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	want := produced{}
	random := rand.New(rand.NewPCG(3, 4))
	first := kafkaClient(t, brokers, kgo.TransactionalID(topic+"-1"), kgo.TransactionTimeout(20*time.Second))
	second := kafkaClient(t, brokers, kgo.TransactionalID(topic+"-2"), kgo.TransactionTimeout(20*time.Second))
	plainClient := kafkaClient(t, brokers)
	keep := func(stored produced, committed bool) {
		for offset, r := range stored {
			if committed {
				want[offset] = r
			}
		}
	}
	for round := range 12 {
		commits := [2]bool{round%2 == 0, round%3 == 0}
		for _, c := range []*kgo.Client{first, second} {
			if err := c.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // interleaved
			keep(produceBatch(t, first, topic, 7, func(int) *kgo.Record { return anyRecord(random) }), commits[0])
			keep(produceBatch(t, plainClient, topic, 3, func(int) *kgo.Record { return anyRecord(random) }), true)
			keep(produceBatch(t, second, topic, 5, func(int) *kgo.Record { return anyRecord(random) }), commits[1])
		}
		for i, c := range []*kgo.Client{first, second} {
			if err := c.EndTransaction(t.Context(), kgo.TransactionEndTry(commits[i])); err != nil {
				t.Fatal(err)
			}
		}
	}
	l := testLog(t, brokers)
	b := boundsOf(t, l, topic)
	for _, maxBytes := range []int{1, 4 << 10, 1 << 20} {
		o := testOptions()
		o.MaxBytes = maxBytes
		all, notRecords := readFrom(t, l, topic, 0, b.LastStable, o)
		same(t, all, want)
		if int64(len(all))+notRecords != b.LastStable {
			t.Errorf("%d records and %d not-records of %d offsets", len(all), notRecords, b.LastStable)
		}
	}
	for position := range b.LastStable { // from every offset, also inside of transactions
		all, _ := readFrom(t, l, topic, position, b.LastStable, testOptions())
		expected := 0
		for offset := range want {
			if offset >= position {
				expected++
			}
		}
		if len(all) != expected {
			t.Fatalf("from %d: %d records, want %d", position, len(all), expected)
		}
	}
}

func TestKafkaOpenTransactionHoldsTheLastStableOffset(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	produceBatch(t, kafkaClient(t, brokers), topic, 3, func(int) *kgo.Record { return kgo.StringRecord("a") })
	client := kafkaClient(t, brokers, kgo.TransactionalID(topic), kgo.TransactionTimeout(20*time.Second))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceBatch(t, client, topic, 4, func(int) *kgo.Record { return kgo.StringRecord("b") })
	l := testLog(t, brokers)
	bounds, err := l.Bounds(t.Context(), topic, 0)
	if err != nil || bounds[0].LastStable != 3 || bounds[0].HighWatermark != 7 {
		t.Fatalf("%+v, %v; want last stable offset 3, high watermark 7", bounds, err)
	}
	f, err := l.Partition(topic, 0).Fetch(t.Context(), 3, testOptions(), nil)
	if err != nil || f.Next() != 3 || f.LastStable != 3 {
		t.Fatalf("%+v, %v; want nothing yet", f, err)
	}
	if err := client.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	b := boundsOf(t, l, topic)
	all, notRecords := readFrom(t, l, topic, 3, b.LastStable, testOptions())
	if len(all) != 0 || notRecords != b.LastStable-3 {
		t.Errorf("%d records and %d not-records after the abort", len(all), notRecords)
	}
}

// TestKafkaCompactedTopic: compaction leaves gaps, and empties batches up to the end of what it may touch.
func TestKafkaCompactedTopic(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	client := kafkaClient(t, brokers, kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	alter(t, client, topic, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "500", "delete.retention.ms": "0",
		"max.compaction.lag.ms": "1000", "min.compaction.lag.ms": "0",
	})
	l := testLog(t, brokers)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	pace := time.NewTicker(300 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-pace.C:
		case <-ctx.Done():
			t.Skip("the broker did not compact within 60 s: its cleaner rests longer than that (log.cleaner.backoff.ms, log.initial.task.delay.ms)")
		}
		// A segment is only closed when another batch comes.
		produceBatch(t, client, topic, 20, func(i int) *kgo.Record { return kgo.KeyStringRecord(fmt.Sprint(i%5), fmt.Sprint(i)) })
		b := boundsOf(t, l, topic)
		all, notRecords := readFrom(t, l, topic, 0, b.LastStable, testOptions())
		if notRecords < 40 {
			continue
		}
		if got := readIndependently(t, brokers, topic, b.HighWatermark); len(got) <= len(all) { // the cleaner may have gone on meanwhile
			for _, offset := range got {
				if !slices.Contains(offsets(all), offset) {
					t.Fatalf("offset %d is missing", offset)
				}
			}
			return
		}
		t.Fatal("another client finds more records")
	}
}

// readIndependently is what franz-go finds below end.
func readIndependently(tb testing.TB, brokers []string, topic string, end int64) []int64 {
	tb.Helper()
	client := kafkaClient(tb, brokers, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	var all []int64
	for len(all) == 0 || all[len(all)-1] < end-1 {
		fetches := client.PollFetches(tb.Context())
		if err := fetches.Err(); err != nil {
			tb.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { all = append(all, r.Offset) })
	}
	return all
}

func TestKafkaLeaderMoves(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	client := kafkaClient(t, brokers)
	admin := kadm.NewClient(client)
	nodes, err := admin.ListBrokers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes) < 2 {
		t.Skip("one broker: a leader cannot move")
	}
	want := produceBatch(t, client, topic, 100, func(i int) *kgo.Record { return kgo.StringRecord(fmt.Sprint(i)) })
	l := testLog(t, brokers)
	for _, node := range nodes {
		var move kadm.AlterPartitionAssignmentsReq
		move.Assign(topic, 0, []int32{node.NodeID})
		if _, err := admin.AlterPartitionAssignments(t.Context(), move); err != nil {
			t.Fatal(err)
		}
		for moved, deadline := false, time.Now().Add(20*time.Second); !moved; {
			all, _ := readFrom(t, l, topic, 0, 100, testOptions())
			same(t, all, want)
			topics, err := l.Topics(t.Context(), topic)
			moved = err == nil && topics[0].Err == nil && topics[0].Partitions[0].Leader == node.NodeID
			if time.Now().After(deadline) {
				t.Fatalf("the partition is not on node %d after 20 s: %+v, %v", node.NodeID, topics, err)
			}
		}
		all, _ := readFrom(t, l, topic, 0, 100, testOptions())
		same(t, all, want)
	}
}
