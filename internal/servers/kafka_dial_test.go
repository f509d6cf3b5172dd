package servers

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/sasl/plain"

	"ridesink/internal/partlog"
)

// TestDialBoundsEverything holds: a broker that takes connections and never says a word holds neither a handshake nor a login for longer than NetworkTimeout.
func TestDialBoundsEverything(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	login := &KafkaLogin{Mechanism: plain.Mechanism{Username: "u", Password: "p"}}
	for name, c := range map[string]KafkaConfig{"TLS": {TLS: &KafkaTLS{}}, "login": {Login: login}, "both": {TLS: &KafkaTLS{}, Login: login}} {
		c.NetworkTimeout = 50 * time.Millisecond
		conn, err := c.Dial(t.Context(), "tcp", silent.Addr().String())
		var network net.Error
		if conn != nil || !errors.As(err, &network) || !network.Timeout() {
			t.Errorf("%s: %v, %v, want a timeout", name, conn, err)
		}
	}
}

// TestRefusedIsWaitedFor holds: what a broker refuses is waited for like a broker that is away, by whoever waits for brokers.
func TestRefusedIsWaitedFor(t *testing.T) {
	t.Parallel()
	login := &KafkaLogin{Mechanism: plain.Mechanism{}, User: "u", Check: "the password"}
	for _, err := range []error{
		login.refused("h:1", errors.New("no")), refusedTLS("h:1", errors.New("no")), handshakeError("h:1", errors.New("anything")), login.failed("h:1", errors.New("anything")),
	} {
		if !partlog.Retriable(err) {
			t.Errorf("not waited for: %v", err)
		}
	}
}
