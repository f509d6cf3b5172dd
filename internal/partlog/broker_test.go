package partlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
)

// broker_test.go: a real Kafka, with franz-go as the independent producer and reader.

// produced is what a producer was told is stored: by offset.
type produced map[int64]*kgo.Record

func kafkaClient(tb testing.TB, brokers []string, options ...kgo.Opt) *kgo.Client {
	tb.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// produceBatch sends records together, so that they share batches, and notes their offsets.
func produceBatch(tb testing.TB, client *kgo.Client, topic string, n int, one func(i int) *kgo.Record) produced {
	tb.Helper()
	records := several(n, one)
	for _, r := range records {
		r.Topic = topic
	}
	stored := produced{}
	for _, result := range client.ProduceSync(tb.Context(), records...) {
		if result.Err != nil {
			tb.Fatal(result.Err)
		}
		stored[result.Record.Offset] = result.Record
	}
	return stored
}

func several(n int, one func(i int) *kgo.Record) []*kgo.Record {
	var records []*kgo.Record
	for i := range n {
		records = append(records, one(i))
	}
	return records
}

// readFrom reads from position to end, as the sink does: an error that is retriable is retried. It returns the records and the
// number of not-records.
func readFrom(tb testing.TB, l *Log, topic string, position, end int64, o FetchOptions) (all []kept, notRecords int64) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	r := l.Partition(topic, 0)
	var f *Fetched
	for position < end {
		got, err := r.Fetch(ctx, position, o, f)
		if err != nil {
			if !Retriable(err) || ctx.Err() != nil {
				tb.Fatalf("fetch at %d of %d: %v", position, end, err)
			}
			continue
		}
		f = got
		if f.First() != position || f.Next() < position {
			tb.Fatalf("asked for %d, got [%d,%d)", position, f.First(), f.Next())
		}
		all = append(all, drain(tb, f)...)
		if f.Err() != nil {
			tb.Fatal(f.Err())
		}
		notRecords += f.NotRecords()
		position = f.Next()
		if ctx.Err() != nil {
			tb.Fatalf("still at %d of %d after 30 s", position, end)
		}
	}
	return all, notRecords
}

// same compares what was read with what was stored.
func same(tb testing.TB, got []kept, want produced) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Errorf("%d records, want %d", len(got), len(want))
	}
	for _, k := range got {
		w := want[k.Offset]
		switch {
		case w == nil:
			tb.Fatalf("offset %d was not stored as a record", k.Offset)
		case !bytes.Equal(k.Value, w.Value), (k.Value == nil) != (w.Value == nil):
			tb.Fatalf("offset %d: value %.40q, want %.40q", k.Offset, k.Value, w.Value)
		case !bytes.Equal(k.Key, w.Key), (k.Key == nil) != (w.Key == nil):
			tb.Fatalf("offset %d: key %.40q, want %.40q", k.Offset, k.Key, w.Key)
		case k.Timestamp != w.Timestamp.UnixMilli():
			tb.Fatalf("offset %d: timestamp %d, want %d", k.Offset, k.Timestamp, w.Timestamp.UnixMilli())
		case len(k.headers) != len(w.Headers):
			tb.Fatalf("offset %d: %d headers, want %d", k.Offset, len(k.headers), len(w.Headers))
		}
		for i, h := range k.headers {
			if string(h.Key) != w.Headers[i].Key || !bytes.Equal(h.Value, w.Headers[i].Value) || (h.Value == nil) != (w.Headers[i].Value == nil) {
				tb.Fatalf("offset %d: header %d is %q, want %q", k.Offset, i, h, w.Headers[i])
			}
		}
	}
}

// anyRecord is a record of any shape: null and empty keys and values, headers, and up to a few thousand bytes.
func anyRecord(random *rand.Rand) *kgo.Record {
	content := func() []byte {
		switch random.IntN(6) {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		return bytes.Repeat(fmt.Append(nil, random.Uint64()), 1+random.IntN(100))
	}
	r := &kgo.Record{Key: content(), Value: content(), Timestamp: time.UnixMilli(time.Now().UnixMilli() - random.Int64N(1000))} // retention takes old ones
	for range random.IntN(3) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: string(content()), Value: content()})
	}
	return r
}

// boundsOf asks until the last stable offset has reached the high watermark: a marker of a transaction comes a moment after its commit.
func boundsOf(tb testing.TB, l *Log, topic string) Bounds {
	tb.Helper()
	var b Bounds
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		bounds, err := l.Bounds(tb.Context(), topic, 0)
		if err != nil {
			if Retriable(err) {
				continue
			}
			tb.Fatal(err)
		}
		if b = bounds[0]; b.LastStable == b.HighWatermark {
			return b
		}
	}
	tb.Fatalf("bounds stay at %+v", b)
	return b
}

func TestKafkaEveryCodec(t *testing.T) {
	t.Parallel()
	brokers := localenv.Brokers(t)
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := localenv.Topic(t, 1)
			client := kafkaClient(t, brokers, kgo.ProducerBatchCompression(codec))
			random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
			want := produced{}
			for range 5 {
				for offset, r := range produceBatch(t, client, topic, 400, func(int) *kgo.Record { return anyRecord(random) }) {
					want[offset] = r
				}
			}
			l := testLog(t, brokers)
			b := boundsOf(t, l, topic)
			if b.LogStart != 0 || b.HighWatermark != 2000 {
				t.Fatalf("bounds %+v, want [0,2000)", b)
			}
			for _, maxBytes := range []int{1, 64 << 10, 1 << 20} { // one batch at a time (KIP-74), cut-off batches, everything
				o := testOptions()
				o.MaxBytes = maxBytes
				all, notRecords := readFrom(t, l, topic, 0, 2000, o)
				same(t, all, want)
				if notRecords != 0 {
					t.Errorf("%d not-records", notRecords)
				}
			}
			for _, position := range []int64{1, 399, 777, 1999} { // inside of a batch
				all, _ := readFrom(t, l, topic, position, 2000, testOptions())
				if !slices.Equal(offsets(all), upTo(position, 2000)) {
					t.Errorf("from %d: %d records, beginning at %d", position, len(all), all[0].Offset)
				}
			}
		})
	}
}

func TestKafkaTransactions(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	want := produced{}
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // repeatable
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

func TestKafkaDeletedRecords(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	client := kafkaClient(t, brokers)
	produceBatch(t, client, topic, 10, func(int) *kgo.Record { return kgo.StringRecord("a") })
	deleted := kadm.Offsets{}
	deleted.Add(kadm.Offset{Topic: topic, Partition: 0, At: 6})
	if _, err := kadm.NewClient(client).DeleteRecords(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	l := testLog(t, brokers)
	_, err := l.Partition(topic, 0).Fetch(t.Context(), 2, testOptions(), nil)
	var out *OutOfRangeError
	if !errors.As(err, &out) || out.LogStart != 6 || out.Position != 2 {
		t.Fatalf("%v, want a *OutOfRangeError with log start 6", err)
	}
	f, err := l.Partition(topic, 0).Fetch(t.Context(), 6, testOptions(), nil)
	if err != nil || f.LogStart != 6 {
		t.Fatalf("%+v, %v", f, err)
	}
	if got := offsets(drain(t, f)); !slices.Equal(got, upTo(6, 10)) {
		t.Errorf("offsets %v", got)
	}
}

func TestKafkaOffsetAt(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	began := time.UnixMilli(time.Now().Add(-time.Hour).UnixMilli())
	produceBatch(t, kafkaClient(t, brokers), topic, 10, func(i int) *kgo.Record {
		return &kgo.Record{Value: []byte("a"), Timestamp: began.Add(time.Duration(i) * time.Minute)}
	})
	l := testLog(t, brokers)
	for _, c := range []struct {
		scenario string
		at       time.Time
		want     int64
		found    bool
	}{
		{"before the first", began.Add(-time.Hour), 0, true},
		{"before 1970", time.Unix(-1000, 0), 0, true},
		{"the very time of one", began.Add(4 * time.Minute), 4, true},
		{"between two", began.Add(4*time.Minute + time.Second), 5, true},
		{"after the last", began.Add(2 * time.Hour), -1, false},
	} {
		offset, found, err := l.OffsetAt(t.Context(), topic, 0, c.at)
		if err != nil || found != c.found || found && offset != c.want {
			t.Errorf("%s: %d, %v, %v; want %d, %v", c.scenario, offset, found, err, c.want, c.found)
		}
	}
}

func TestKafkaLogAppendTime(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	client := kafkaClient(t, brokers)
	alter(t, client, topic, map[string]string{"message.timestamp.type": "LogAppendTime"})
	before := time.Now().Add(-time.Minute).UnixMilli()
	produceBatch(t, client, topic, 5, func(int) *kgo.Record { return &kgo.Record{Value: []byte("a"), Timestamp: time.UnixMilli(1000)} })
	all, _ := readFrom(t, testLog(t, brokers), topic, 0, 5, testOptions())
	for _, k := range all {
		if k.Timestamp < before {
			t.Errorf("timestamp %d is the producer's, want the broker's", k.Timestamp)
		}
	}
}

func alter(tb testing.TB, client *kgo.Client, topic string, settings map[string]string) {
	tb.Helper()
	var configs []kadm.AlterConfig
	for name, value := range settings {
		configs = append(configs, kadm.AlterConfig{Name: name, Value: &value})
	}
	altered, err := kadm.NewClient(client).AlterTopicConfigs(tb.Context(), configs, topic)
	if err != nil || altered[0].Err != nil {
		tb.Fatal(err, altered)
	}
}

func TestKafkaLargeBatch(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 1)
	client := kafkaClient(t, brokers, kgo.ProducerBatchCompression(kgo.NoCompression()))
	want := produceBatch(t, client, topic, 1, func(int) *kgo.Record { return kgo.StringRecord(strings.Repeat("x", 700_000)) })
	l := testLog(t, brokers)
	o := testOptions()
	o.MaxBytes, o.BufferBytes = 64<<10, 64<<10
	_, err := l.Partition(topic, 0).Fetch(t.Context(), 0, o, nil)
	var large *TooLargeError
	if !errors.As(err, &large) || large.First != 0 || large.Next != 1 || large.Size < 700_000 || large.Size > 710_000 {
		t.Fatalf("%v, want a *TooLargeError with what it needs", err)
	}
	o.BufferBytes = large.Size
	all, _ := readFrom(t, l, topic, 0, 1, o)
	same(t, all, want)
}

func TestKafkaTopicIDs(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 3)
	l := testLog(t, brokers)
	topics, err := l.Topics(t.Context(), topic)
	if err != nil || topics[0].Err != nil || len(topics[0].Partitions) != 3 {
		t.Fatalf("%+v, %v", topics, err)
	}
	details, err := kadm.NewClient(kafkaClient(t, brokers)).ListTopics(t.Context(), topic)
	if err != nil || TopicID(details[topic].ID) != topics[0].ID || topics[0].ID == (TopicID{}) {
		t.Errorf("id %s, want %s (%v)", topics[0].ID, details[topic].ID, err)
	}
	for _, p := range topics[0].Partitions {
		if d := details[topic].Partitions[p.Number]; d.Leader != p.Leader || d.LeaderEpoch != p.LeaderEpoch {
			t.Errorf("partition %+v, want %+v", p, d)
		}
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
	for deadline := time.Now().Add(60 * time.Second); ; {
		if time.Now().After(deadline) {
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
