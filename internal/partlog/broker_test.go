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
			random := rand.New(rand.NewPCG(1, 2))
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
