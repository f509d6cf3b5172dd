package servers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// kafka_tls.go: TLS to brokers, with the files of tls_files.go, and what a handshake that fails means.

// KafkaTLS is how brokers are known, and how we are known to them.
type KafkaTLS struct{ TLSFiles }

// handshake returns a connection that has done its handshake with the host of address.
func (t *KafkaTLS) handshake(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	config, err := t.Config(host)
	if err != nil {
		return nil, &RefusedError{What: "no TLS with Kafka at " + address, Do: "mend the file", Err: err}
	}
	if len(config.Certificates) > 0 {
		if own := config.Certificates[0].Leaf; own != nil && time.Now().After(own.NotAfter) {
			return nil, &RefusedError{
				What: "the certificate of --kafka-cert-file has expired at " + own.NotAfter.UTC().Format(time.RFC3339), Do: "replace the file; that is noticed at the next attempt",
			}
		}
	}
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, handshakeError(address, err)
	}
	return client, nil
}

// tlsRemoteError is the Op of crypto/tls for what the other side says in an alert.
const tlsRemoteError = "remote error"

// handshakeError says what a failed handshake means.
func handshakeError(address string, err error) error {
	var plain tls.RecordHeaderError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var remote *net.OpError
	switch {
	case errors.As(err, &plain):
		return &RefusedError{What: "Kafka at " + address + " does not speak TLS", Do: "name its port for TLS with --brokers, or leave out --kafka-tls", Err: err}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &RefusedError{What: "the certificate of Kafka at " + address + " has expired or is not valid yet", Do: "renew it on the broker, or set this machine's clock", Err: err}
	case errors.As(err, &unknown):
		return &RefusedError{What: "the certificate of Kafka at " + address + " is of an unknown authority", Do: "name the file with its CA by --kafka-ca-file", Err: err}
	case errors.As(err, &name):
		return &RefusedError{
			What: "the certificate of Kafka at " + address + " is not for this name", Do: "name the broker as its certificate does, in --brokers and in its advertised.listeners", Err: err,
		}
	case errors.As(err, &remote) && remote.Op == tlsRemoteError:
		return refusedTLS(address, remote.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &RefusedError{What: "Kafka at " + address + " ends the connection where TLS begins", Do: "name its port for TLS with --brokers, or leave out --kafka-tls", Err: err}
	case isPassing(err):
		return fmt.Errorf("TLS with %s: %w", address, err)
	}
	return &RefusedError{What: "no TLS with Kafka at " + address, Do: "see the error, and mend it here or on the broker", Err: err}
}

// refusedTLS is what the broker's alert means.
func refusedTLS(address string, alert error) error {
	return &RefusedError{
		What: "Kafka at " + address + " refuses TLS with us", Do: "check --kafka-cert-file: the broker may want a client certificate, of an authority that it trusts and not expired",
		Err: alert,
	}
}
