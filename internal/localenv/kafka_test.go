package localenv

import (
	"errors"
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafka starts a cluster that ends with the test, and skips the test where there is no Java.
func kafka(t *testing.T, o KafkaOptions) *Kafka {
	t.Helper()
	k, err := StartKafka(t.Context(), o)
	if errors.Is(err, ErrNoJava) && !InCI() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// client is an ordinary Kafka client of some brokers.
func client(t *testing.T, brokers []string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(brokers...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestKafkaCluster holds: three nodes replicate; with one killed the other two take records; the killed one comes back with the same address.
func TestKafkaCluster(t *testing.T) {
	t.Parallel()
	k := kafka(t, KafkaOptions{Nodes: 3, Settings: map[string]string{"num.partitions": "2"}})
	c := client(t, k.Brokers(), kgo.DefaultProduceTopic("rides"))
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopic(t.Context(), -1, -1, nil, "rides"); err != nil {
		t.Fatal(err)
	}
	produce := func() {
		t.Helper()
		if err := c.ProduceSync(t.Context(), kgo.StringRecord("a ride")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	produce()
	topics, err := admin.ListTopics(t.Context(), "rides")
	if err != nil {
		t.Fatal(err)
	}
	if got := topics["rides"]; len(got.Partitions) != 2 || got.Partitions.NumReplicas() != 3 {
		t.Errorf("the topic has %d partitions and %d replicas, want 2 and 3", len(got.Partitions), got.Partitions.NumReplicas())
	}
	addresses := k.Brokers()
	k.Kill(0)
	produce()
	if err := k.Start(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	k.Terminate(1)
	produce()
	if err := k.Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for i, a := range k.Brokers() {
		if a != addresses[i] {
			t.Errorf("node %d moved from %s to %s", i, addresses[i], a)
		}
	}
	ends, err := admin.ListEndOffsets(t.Context(), "rides")
	if err != nil {
		t.Fatal(err)
	}
	var records int64
	ends.Each(func(o kadm.ListedOffset) { records += o.Offset })
	if records != 3 {
		t.Errorf("%d records are in the log, want 3", records)
	}
	dir := k.Dir()
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Stop its directory: %v, want that it is gone", err)
	}
}

func TestFakeKafka(t *testing.T) {
	t.Parallel()
	k, err := StartFakeKafka(FakeOptions{Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := kadm.NewClient(client(t, k.Brokers()[:1])).BrokerMetadata(t.Context())
	if err != nil || len(m.Brokers) != 2 {
		t.Errorf("it has %d brokers (%v), want 2", len(m.Brokers), err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
}
