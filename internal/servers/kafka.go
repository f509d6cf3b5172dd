package servers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"ridesink/internal/partlog"
)

// kafka.go: the brokers, as a client for single requests and as a log to read.

// KafkaConfig says which brokers to ask, and for which topics.
type KafkaConfig struct {
	// Brokers are the bootstrap brokers, host:port.
	Brokers []string
	// Topics are those whose metadata is kept; empty would keep all of the cluster's.
	Topics []string
	// ClientID is how brokers name this process in their logs and quotas.
	ClientID string
	// TLS protects connections, nil for none.
	TLS *KafkaTLS
	// Login says who we are, nil for nobody.
	Login *KafkaLogin
	// MaxBatchBytes is the largest record batch, compressed or not, that is read at all. Zero: partlog's default.
	MaxBatchBytes int
	// NetworkTimeout bounds a dial, with TLS and login, and a request beyond the wait that the request asks for.
	NetworkTimeout time.Duration
}

// Kafka is the brokers. Safe for concurrent use.
type Kafka struct {
	Transport *kafka.Transport
	Client    *kafka.Client // for requests that concern a group or a topic's settings
	Log       *partlog.Log  // for what a topic holds

	config KafkaConfig
}

// OpenKafka dials nothing. The caller closes what it returns.
func OpenKafka(c KafkaConfig) (*Kafka, error) {
	transport := &kafka.Transport{
		Dial: c.Dial, DialTimeout: c.NetworkTimeout, ClientID: c.ClientID,
		MetadataTTL: 6 * time.Second, MetadataTopics: c.Topics, IdleTimeout: time.Minute,
	}
	log, err := partlog.New(partlog.Config{
		Brokers: c.Brokers, Transport: transport, ClientID: c.ClientID, MaxBatchBytes: c.MaxBatchBytes, Timeout: c.NetworkTimeout,
	})
	if err != nil {
		return nil, err
	}
	client := &kafka.Client{Addr: kafka.TCP(c.Brokers...), Transport: transport, Timeout: c.NetworkTimeout}
	return &Kafka{Transport: transport, Client: client, Log: log, config: c}, nil
}

// Close closes idle connections.
func (k *Kafka) Close() { k.Transport.CloseIdleConnections() }

// CheckTopics returns the topics' metadata, in the order asked; an *EnvironmentError if no broker answers or a topic is missing.
func (k *Kafka) CheckTopics(ctx context.Context, names ...string) ([]partlog.Topic, error) {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, 2*k.config.NetworkTimeout)
	defer cancel()
	brokers := strings.Join(k.config.Brokers, ",")
	topics, err := k.Log.Topics(ctx, names...)
	for tries := 1; errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && tries < len(k.config.Brokers); tries++ {
		topics, err = k.Log.Topics(ctx, names...) // one broker did not answer: another may
	}
	if err != nil {
		return nil, k.Unreachable(whole, err)
	}
	for _, topic := range topics {
		switch {
		case errors.Is(topic.Err, partlog.ErrUnknownTopic):
			return nil, &EnvironmentError{
				What: fmt.Sprintf("topic %q does not exist at %s", topic.Name, brokers),
				Do:   fmt.Sprintf("name another with --topics, or create it and send rides: sink produce --topic %s --partitions 4 --synthetic 1000", topic.Name),
			}
		case topic.Err != nil:
			return nil, k.unreadable(topic.Name, topic.Err)
		}
	}
	return topics, nil
}
