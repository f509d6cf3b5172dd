package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// log_test.go puts records into topics through franz-go and keeps what the broker acknowledged: one half of the oracle. The other half,
// readback_test.go, reads it back; database_test.go compares both with PostgreSQL.

// place is where a record is.
type place struct {
	topic     string
	partition int32
	offset    int64
}

func (p place) String() string { return fmt.Sprintf("%s/%d@%d", p.topic, p.partition, p.offset) }

// fate is what must become of a record.
type fate int

const (
	isRide fate = iota
	isDead
	isTombstone
)

// sent is a record that was acknowledged, and what must become of it.
type sent struct {
	record *kgo.Record // as acknowledged: with partition, offset and timestamp
	fate   fate
	row    stored // of a ride
	reason string // of a dead letter
}

func (s sent) place() place {
	return place{s.record.Topic, s.record.Partition, s.record.Offset}
}

// newClient connects to the brokers until the end of the test. A record goes to the partition that it names.
func newClient(t testing.TB, brokers []string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.MaxBufferedRecords(100_000),
	}, options...)...)
	if err != nil {
		t.Fatalf("connect to Kafka at %v: %v", brokers, err)
	}
	t.Cleanup(client.Close)
	return client
}

// codecs are the ways to compress, by name.
func codecs() map[string]kgo.CompressionCodec {
	return map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
}

// publish produces all records and waits until each was acknowledged. It fails the test if one was not.
func publish(t testing.TB, client *kgo.Client, records []sent) {
	t.Helper()
	failed := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // not RecordDeliveryTimeout: that counts from the record's timestamp
	defer cancel()
	for i := range records {
		client.Produce(ctx, records[i].record, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default: // the first error is enough
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatalf("produce: %v", err)
	}
	select {
	case err := <-failed:
		t.Fatalf("produce: %v", err)
	default:
	}
}

// writer writes a ride as a record's value, and says what row must come of it; writeMixed and the dialects' writers are such.
type writer func(t testing.TB, i int, r ride) (value []byte, row stored)

// epoch is when the rides' records were made. Records carry it, plus their place in the test, as their timestamp.
func epoch() time.Time { return time.Date(2020, 8, 1, 0, 0, 0, 0, time.UTC) }

// recordsOf makes a record of each ride, for the partitions by turns, keyed by the pickup location as the course's producers do.
func recordsOf(t testing.TB, topic string, partitions int, rides []ride, write writer) []sent {
	t.Helper()
	records := make([]sent, len(rides))
	for i, r := range rides {
		value, row := write(t, i, r)
		records[i] = sent{row: row, record: &kgo.Record{
			Topic: topic, Partition: int32(i % partitions), Timestamp: epoch().Add(time.Duration(i) * time.Millisecond),
			Key: []byte(r[pickupLocation]), Value: value,
		}}
	}
	return records
}

// tombstone is a record without a value.
func tombstone(topic string, partition int32) sent {
	return sent{fate: isTombstone, record: &kgo.Record{Topic: topic, Partition: partition, Timestamp: epoch(), Key: []byte("gone")}}
}

// admin returns an administration client over a client of its own.
func admin(t testing.TB, brokers []string) *kadm.Client {
	t.Helper()
	client := kadm.NewClient(newClient(t, brokers))
	client.SetTimeoutMillis(10_000)
	return client
}

// endOffsets returns the last stable offset of each partition of the topics.
func endOffsets(t testing.TB, brokers []string, topics ...string) map[place]int64 {
	t.Helper()
	listed, err := admin(t, brokers).ListCommittedOffsets(t.Context(), topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		t.Fatalf("list the end offsets of %v: %v", topics, err)
	}
	ends := map[place]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[place{topic: o.Topic, partition: o.Partition}] = o.Offset })
	return ends
}

// deleteBefore deletes a partition's records below an offset, as retention would.
func deleteBefore(t testing.TB, brokers []string, at place) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(at.topic, at.partition, at.offset, -1)
	deleted, err := admin(t, brokers).DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatalf("delete the records of %s: %v", at, err)
	}
}

// keepForever switches off retention by age: the tests' records are older than any.
func keepForever(t testing.TB, brokers []string, topics ...string) {
	t.Helper()
	alterTopics(t, brokers, map[string]string{"retention.ms": "-1"}, topics...)
}

// alterTopics changes settings of topics, and waits until brokers know them.
func alterTopics(t testing.TB, brokers []string, settings map[string]string, topics ...string) {
	t.Helper()
	var alter []kadm.AlterConfig
	for name, value := range settings {
		alter = append(alter, kadm.AlterConfig{Name: name, Value: &value})
	}
	kafka := admin(t, brokers)
	altered, err := kafka.AlterTopicConfigs(t.Context(), alter, topics...)
	for _, topic := range altered {
		err = errors.Join(err, topic.Err)
	}
	if err != nil {
		t.Fatalf("set %v for %v: %v", settings, topics, err)
	}
	eventually(t, longWait, fmt.Sprintf("the brokers to know %v", settings), func() (bool, string) {
		described, err := kafka.DescribeTopicConfigs(t.Context(), topics...)
		if err != nil {
			return false, err.Error()
		}
		for _, topic := range described {
			for _, c := range topic.Configs {
				if want, set := settings[c.Key]; set && c.MaybeValue() != want {
					return false, fmt.Sprintf("%s: %s is %s", topic.Name, c.Key, c.MaybeValue())
				}
			}
		}
		return len(described) == len(topics), fmt.Sprint(described)
	})
}

// deleteTopics deletes topics that a test had the sink create. It is for Cleanup: t.Context has ended.
func deleteTopics(t testing.TB, brokers, topics []string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Errorf("connect to Kafka: %v", err)
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if _, err := kadm.NewClient(client).DeleteTopics(ctx, topics...); err != nil {
		t.Errorf("delete %v: %v", topics, err)
	}
}
