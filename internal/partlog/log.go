package partlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// log.go: the brokers as one thing to ask, and who leads which partition.

// Config is what New needs.
type Config struct {
	// Brokers are the bootstrap brokers, host:port.
	Brokers []string
	// Transport carries the requests; dialing, TLS and SASL are its. It stays the caller's to close.
	Transport *kafka.Transport
	// ClientID is how brokers name this client; at most 249 bytes.
	ClientID string
	// MaxBatchBytes is the largest response or decompressed batch that is opened at all. Default 64 MiB.
	MaxBatchBytes int
	// Timeout bounds a request beyond the wait that it asks the broker for. Default 10 s.
	Timeout time.Duration
}

// Log asks brokers for partitions. It is safe for concurrent use.
type Log struct {
	cfg         Config
	client      *kafka.Client
	correlation atomic.Int32
	codecs      codecs

	asking chan struct{} // holds a token while leaders are asked for: who waits for it finds the answer

	mu              sync.Mutex
	metadataVersion int16                  // guarded by mu: 0 until a broker was asked
	leaders         map[string][]Partition // guarded by mu: by topic, sorted by number; absent: ask
}

// New returns a Log. It dials nothing.
func New(cfg Config) (*Log, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("partlog: no brokers")
	}
	if cfg.Transport == nil {
		return nil, errors.New("partlog: no transport")
	}
	if len(cfg.ClientID) > 249 {
		return nil, errors.New("partlog: the client id is longer than 249 bytes")
	}
	if cfg.MaxBatchBytes == 0 {
		cfg.MaxBatchBytes = 64 << 20
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	return &Log{
		cfg:     cfg,
		client:  &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: cfg.Transport, Timeout: cfg.Timeout},
		asking:  make(chan struct{}, 1),
		leaders: map[string][]Partition{},
	}, nil
}

// TopicID is a topic's identity (KIP-516). The zero value is "absent": older brokers give none, and Redpanda before late 2025 a zero one.
type TopicID [16]byte

// String returns the id as a UUID.
func (id TopicID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// Topic is a topic as a broker described it.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions []Partition // in order of Number
	Err        error       // what the broker said against the topic, nil if nothing
}

// Partition is a partition as a broker described it.
type Partition struct {
	Number      int32
	TopicID     TopicID // of its topic
	Leader      int32   // broker id, -1 for none at the moment
	LeaderEpoch int32   // -1 where the broker gives none
	Err         error
}

// Topics asks a broker for metadata, afresh, and never creates a topic. The result is in the order of names; what is wrong with a single topic is
// in its Err. It remembers the leaders for Fetch and Bounds.
func (l *Log) Topics(ctx context.Context, names ...string) ([]Topic, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	version, err := l.negotiateMetadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	r := &metadataRequest{correlation: l.correlation.Add(1), clientID: l.cfg.ClientID, version: version, topics: names}
	answer, err := l.roundTrip(ctx, r)
	if err != nil {
		l.mu.Lock()
		l.metadataVersion = 0 // the cluster may be half way through an upgrade: another broker may speak less
		l.mu.Unlock()
		return nil, fmt.Errorf("metadata: %w", err)
	}
	byName := map[string]Topic{}
	for _, topic := range answer.(*metadataResponse).topics {
		byName[topic.Name] = topic
	}
	topics := make([]Topic, 0, len(names))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		topic, there := byName[name]
		if !there {
			topic = Topic{Name: name, Err: &BrokerError{Request: "metadata of " + name, Code: codeUnknownTopic}}
		}
		delete(l.leaders, name)
		if topic.Err == nil {
			l.leaders[name] = topic.Partitions
		}
		topics = append(topics, topic)
	}
	return topics, nil
}

// negotiateMetadata asks once which versions of Metadata the broker knows. The versions that kafka-go hands to requests are cut to what
// kafka-go knows, which has no topic ids.
func (l *Log) negotiateMetadata(ctx context.Context) (int16, error) {
	l.mu.Lock()
	version := l.metadataVersion
	l.mu.Unlock()
	if version != 0 {
		return version, nil
	}
	versions, err := l.client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err != nil {
		return 0, err
	}
	version = -1
	for _, key := range versions.ApiKeys {
		if key.ApiKey == int(protocol.Metadata) {
			version = chooseMetadataVersion(int16(key.MinVersion), int16(key.MaxVersion))
		}
	}
	if version < 0 {
		return 0, fmt.Errorf("the broker speaks no version of Metadata from %d to %d: %w", metadataOldest, metadataNewest, ErrTooOld)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.metadataVersion = version
	return version, nil
}

// leader returns who leads a partition, from memory or by asking. Of many that ask at once, after a broker died, one does.
func (l *Log) leader(ctx context.Context, topic string, partition int32) (Partition, error) {
	if p, known := l.knownLeader(topic, partition); known {
		return p, nil
	}
	select {
	case l.asking <- struct{}{}:
		defer func() { <-l.asking }()
	case <-ctx.Done():
		return Partition{}, fmt.Errorf("leader of %s/%d: %w", topic, partition, ctx.Err())
	}
	if p, known := l.knownLeader(topic, partition); known {
		return p, nil
	}
	topics, err := l.Topics(ctx, topic)
	if err != nil {
		return Partition{}, err
	}
	if topics[0].Err != nil {
		return Partition{}, topics[0].Err
	}
	for _, p := range topics[0].Partitions {
		switch {
		case p.Number != partition:
		case p.Leader >= 0:
			return p, nil
		case p.Err != nil:
			return Partition{}, p.Err
		default:
			return Partition{}, fmt.Errorf("%s/%d: %w", topic, partition, errNoLeader)
		}
	}
	return Partition{}, &BrokerError{Request: fmt.Sprintf("leader of %s/%d", topic, partition), Code: codeUnknownTopic}
}

// knownLeader returns the partition from memory. A partition without a leader is not known.
func (l *Log) knownLeader(topic string, partition int32) (Partition, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.leaders[topic] {
		if p.Number == partition {
			return p, p.Leader >= 0
		}
	}
	return Partition{}, false
}

// forget makes the next request for topic ask for its leaders again, unless somebody did since asked was learnt.
func (l *Log) forget(topic string, asked Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.leaders[topic] {
		if p.Number == asked.Number && p.Leader == asked.Leader && p.LeaderEpoch == asked.LeaderEpoch {
			delete(l.leaders, topic)
			return
		}
	}
}

// roundTrip sends one of this package's own requests.
func (l *Log) roundTrip(ctx context.Context, r protocol.Message) (protocol.Message, error) {
	return l.cfg.Transport.RoundTrip(ctx, l.client.Addr, r)
}

// exchange is what the requests of this package have in common: kafka-go lets a request do its own reading and writing
// (protocol.RawExchanger) and closes the connection if that fails.
type exchange struct{ leader int32 }

// Required says that the request always does its own exchange.
func (exchange) Required(map[protocol.ApiKey]int16) bool { return true }

// Broker names the broker to ask (protocol.BrokerMessage).
func (e exchange) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: e.leader}, nil
}
