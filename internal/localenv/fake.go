package localenv

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// fake.go: brokers inside this process.

// FakeOptions say which brokers to fake. The zero value is one broker without topics.
type FakeOptions struct {
	Nodes   int         // Default 1.
	Options []kfake.Opt // such as kfake.SeedTopics; they win over Nodes
}

// FakeKafka is a cluster of fake brokers. Its owner calls Stop.
type FakeKafka struct{ cluster *kfake.Cluster }

// StartFakeKafka starts brokers on ports of 127.0.0.1 that were free.
func StartFakeKafka(o FakeOptions) (*FakeKafka, error) {
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(max(1, o.Nodes))}, o.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka: %w", err)
	}
	return &FakeKafka{cluster}, nil
}

// Brokers are the addresses.
func (k *FakeKafka) Brokers() []string { return k.cluster.ListenAddrs() }

// Cluster is for injecting faults and for looking inside.
func (k *FakeKafka) Cluster() *kfake.Cluster { return k.cluster }

// Stop ends the brokers.
func (k *FakeKafka) Stop() error {
	k.cluster.Close()
	return nil
}
