package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

// kafka_login.go: SASL on a connection to a broker. Before it kafka_dial.go; kafka_session.go calls it again before a login ends.

// KafkaLogin is who logs in to the brokers.
type KafkaLogin struct {
	// Mechanism speaks for the user. Secret.
	Mechanism sasl.Mechanism
	// User is the name, for messages; empty where only a token says it.
	User string
	// Check names the settings that a refusal may be about.
	Check string
}

// perform logs in on wire and returns how long the broker says that this lasts, 0 for as long as the connection. The caller has set a deadline.
func (l *KafkaLogin) perform(ctx context.Context, wire *protocol.Conn, address string) (time.Duration, error) {
	message, err := wire.RoundTrip(&saslhandshake.Request{Mechanism: l.Mechanism.Name()})
	if err != nil {
		return 0, l.failed(address, err)
	}
	if answer := message.(*saslhandshake.Response); answer.ErrorCode != 0 {
		return 0, l.unsupported(address, answer)
	}
	host, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	state, response, err := l.Mechanism.Start(sasl.WithMetadata(ctx, &sasl.Metadata{Host: host, Port: number}))
	if err != nil {
		return 0, &RefusedError{What: "no login to Kafka at " + address + " by " + l.Mechanism.Name(), Do: "check " + l.Check, Err: err}
	}
	for {
		message, err := wire.RoundTrip(&saslauthenticate.Request{AuthBytes: response})
		if err != nil {
			return 0, l.failed(address, err)
		}
		answer := message.(*saslauthenticate.Response)
		if answer.ErrorCode != 0 {
			return 0, l.refused(address, errors.New(answer.ErrorMessage))
		}
		done, next, err := state.Next(ctx, answer.AuthBytes)
		if err != nil {
			return 0, l.refused(address, err)
		}
		if done {
			return time.Duration(answer.SessionLifetimeMs) * time.Millisecond, nil
		}
		response = next
	}
}

// refused says that the broker does not believe who we are.
func (l *KafkaLogin) refused(address string, cause error) error {
	who := ""
	if l.User != "" {
		who = fmt.Sprintf(" of %q", l.User)
	}
	return &RefusedError{What: fmt.Sprintf("Kafka at %s refuses the login%s by %s", address, who, l.Mechanism.Name()), Do: "check " + l.Check, Err: cause}
}

// unsupported says which logins the broker takes.
func (l *KafkaLogin) unsupported(address string, answer *saslhandshake.Response) error {
	name := l.Mechanism.Name()
	switch kafka.Error(answer.ErrorCode) {
	case kafka.UnsupportedSASLMechanism:
		return &RefusedError{
			What: fmt.Sprintf("Kafka at %s takes no login by %s, but by %s", address, name, strings.Join(answer.Mechanisms, ", ")), Do: "choose another with --kafka-sasl-mechanism",
		}
	case kafka.IllegalSASLState:
		return &RefusedError{
			What: "Kafka at " + address + " takes no login on this port", Do: "name its port for SASL with --brokers, or leave out --kafka-sasl-mechanism",
		}
	default:
		return l.refused(address, kafka.Error(answer.ErrorCode))
	}
}

// failed says that the login was not answered.
func (l *KafkaLogin) failed(address string, err error) error {
	if isPassing(err) {
		return fmt.Errorf("log in at %s: %w", address, err)
	}
	return l.refused(address, err)
}
