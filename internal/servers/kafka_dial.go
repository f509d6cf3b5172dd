package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
)

// kafka_dial.go: one connection to a broker, from TCP to the login. kafka-go is given connections on which all of that has happened: its own TLS takes
// the name in the certificate from an address that may stand for another, its SASL has no deadline, and neither says what an operator can do.
// After it: kafka_tls.go, kafka_login.go and, for as long as the connection lives, kafka_session.go.

// RefusedError says that a broker refuses a connection, or that we refuse the broker. It is a net.Error: whoever waits for a broker that is away waits
// for this too. It does not unwrap, because a code of Kafka's in it would be taken for the answer to a request.
type RefusedError struct {
	What string // what is not as expected, with the address
	Do   string // what the operator can do about it
	Err  error  // nil if there is none beyond What
}

// Error returns what is wrong, why, and what to do, in one line.
func (e *RefusedError) Error() string { return e.environment().Error() }

// Timeout implements net.Error.
func (e *RefusedError) Timeout() bool { return false }

// Temporary implements net.Error.
func (e *RefusedError) Temporary() bool { return true }

// environment is e for whoever does not wait.
func (e *RefusedError) environment() *EnvironmentError {
	environment := &EnvironmentError{What: e.What, Do: e.Do}
	if e.Err != nil {
		environment.Err = errors.New(e.Err.Error())
	}
	return environment
}

// Dial connects to a broker: TCP, then TLS and the login where c has them, all within NetworkTimeout. Certificates are for the host of address.
func (c KafkaConfig) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.NetworkTimeout)
	defer cancel()
	dialer := keptAlive()
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil || c.TLS == nil && c.Login == nil {
		return conn, err
	}
	secured, err := c.secure(ctx, conn, address)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// secure makes raw a connection that Kafka's requests can be sent on. The caller closes raw if that fails.
func (c KafkaConfig) secure(ctx context.Context, raw net.Conn, address string) (conn net.Conn, err error) {
	deadline, _ := ctx.Deadline()
	_ = raw.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		switch running := stop(); {
		case err != nil:
		case running:
			err = raw.SetDeadline(time.Time{})
		default:
			err = context.Cause(ctx)
		}
	}()
	conn = raw
	if c.TLS != nil {
		if conn, err = c.TLS.handshake(ctx, conn, address); err != nil {
			return nil, err
		}
	}
	wire := protocol.NewConn(conn, c.ClientID)
	if err := hello(wire); err != nil { // a broker that does not like our certificate says so only now (TLS 1.3)
		return nil, c.greeted(address, err)
	}
	if c.Login == nil {
		return conn, nil
	}
	lifetime, err := c.Login.perform(ctx, wire, address)
	if err != nil || lifetime <= 0 {
		return conn, err
	}
	return newSession(conn, lifetime, c.NetworkTimeout, func(ctx context.Context, conn net.Conn) (time.Duration, error) {
		again := protocol.NewConn(conn, c.ClientID)
		again.SetVersions(loginVersions)
		return c.Login.perform(ctx, again, address)
	}), nil
}

// loginVersions are those of a broker that limits how long a login lasts (KIP-368).
var loginVersions = map[protocol.ApiKey]int16{protocol.SaslHandshake: 1, protocol.SaslAuthenticate: 1} //nolint:gochecknoglobals // read only

// hello asks a broker for the versions that it speaks, and sets them.
func hello(wire *protocol.Conn) error {
	message, err := wire.RoundTrip(new(apiversions.Request))
	if err != nil {
		return err
	}
	versions := map[protocol.ApiKey]int16{}
	for _, key := range message.(*apiversions.Response).ApiKeys {
		versions[protocol.ApiKey(key.ApiKey)] = protocol.ApiKey(key.ApiKey).SelectVersion(key.MinVersion, key.MaxVersion)
	}
	wire.SetVersions(versions)
	return nil
}

// greeted says why a broker did not answer the first request on a new connection.
func (c KafkaConfig) greeted(address string, err error) error {
	var remote *net.OpError
	switch {
	case c.TLS != nil && errors.As(err, &remote) && remote.Op == tlsRemoteError:
		return refusedTLS(address, remote.Err)
	case isPassing(err):
		return fmt.Errorf("first request to %s: %w", address, err)
	}
	return &RefusedError{What: "Kafka at " + address + " does not answer as a broker does", Do: "see that --brokers names its port for clients", Err: err}
}

// isPassing reports whether err is of the network rather than of what was said on it.
func isPassing(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
