package servers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"

	"ridesink/internal/partlog"
)

// kafka_reach.go: why brokers cannot be used, asked at the start only: a broker that wants TLS or a login of somebody who has neither just ends the connection.

// Unreachable says why no broker answered, where the answer was err. It may ask the brokers what they want.
func (k *Kafka) Unreachable(ctx context.Context, err error) *EnvironmentError {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused.environment()
	}
	for _, address := range k.config.Brokers {
		if wants := k.config.wanted(ctx, address); wants != nil {
			return wants.environment()
		}
	}
	return &EnvironmentError{What: "no Kafka broker answers at " + strings.Join(k.config.Brokers, ","), Do: "start it, or name it with --brokers or KAFKA_BROKERS", Err: err}
}

// wanted returns what the broker wants that c does not have, nil if that is not known.
func (c KafkaConfig) wanted(ctx context.Context, address string) *RefusedError {
	ctx, cancel := context.WithTimeout(ctx, min(c.NetworkTimeout, 2*time.Second))
	defer cancel()
	if c.TLS == nil && speaksTLS(ctx, address) {
		return &RefusedError{What: "Kafka at " + address + " speaks TLS", Do: "add --kafka-tls, and --kafka-ca-file if its certificate is of an authority of your own"}
	}
	if c.Login == nil {
		if mechanisms := c.loginsOf(ctx, address); len(mechanisms) > 0 {
			return &RefusedError{What: "Kafka at " + address + " wants a login by one of " + strings.Join(mechanisms, ", "), Do: "choose one with --kafka-sasl-mechanism"}
		}
	}
	return nil
}

// speaksTLS reports whether a handshake begins. Nothing is sent on such a connection.
func speaksTLS(ctx context.Context, address string) bool {
	conn, err := keptAlive().DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }() // nothing was sent that matters
	var certified bool
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error {
		certified = true
		return errors.New("seen enough")
	}}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	_ = tls.Client(conn, config).HandshakeContext(ctx) // always fails
	return certified
}

// loginsOf returns the mechanisms by which the broker lets users log in, none if it wants no login.
func (c KafkaConfig) loginsOf(ctx context.Context, address string) []string {
	conn, err := c.Dial(ctx, "tcp", address)
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }() // nothing was sent that matters
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	wire := protocol.NewConn(conn, c.ClientID)
	wire.SetVersions(loginVersions)
	message, err := wire.RoundTrip(&saslhandshake.Request{Mechanism: "NONE"})
	if err != nil {
		return nil
	}
	answer := message.(*saslhandshake.Response)
	if kafka.Error(answer.ErrorCode) != kafka.UnsupportedSASLMechanism {
		return nil
	}
	return answer.Mechanisms
}

// CheckReadable returns an *EnvironmentError if the brokers do not let us read one of topics. Whatever else is wrong is for the reader to notice.
func (k *Kafka) CheckReadable(ctx context.Context, topics []partlog.Topic) error {
	const beyond = 1 << 62 // so that nothing is sent: who may not read is refused before anything is looked up
	for _, topic := range topics {
		if len(topic.Partitions) == 0 {
			continue
		}
		_, err := k.Log.Partition(topic.Name, topic.Partitions[0].Number).Fetch(ctx, beyond, partlog.FetchOptions{MaxBytes: 1, BufferBytes: 64 << 10}, nil)
		if errors.Is(err, partlog.ErrNotAuthorized) {
			return k.unreadable(topic.Name, partlog.ErrNotAuthorized)
		}
	}
	return nil
}

// unreadable says that the brokers do not let us have a topic.
func (k *Kafka) unreadable(topic string, err error) error {
	return &EnvironmentError{
		What: fmt.Sprintf("topic %q cannot be read at %s", topic, strings.Join(k.config.Brokers, ",")), Do: "let this user describe and read it, or name another with --topics", Err: err,
	}
}

var _ net.Error = (*RefusedError)(nil)
