package localenv

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// port.go chooses the ports of servers (postgres.go, kafka.go) so that nobody else takes them in between.

// Ports come from below the range from which Linux and macOS number outgoing connections: a client's own port can otherwise be the one
// that a stopped server wants back.
const firstPort, lastPort = 20_000, 31_999

// port is a TCP port on 127.0.0.1 that a server of ours may listen on.
//
// Between the choice and the server's bind the port is free, and another process that starts servers could choose it too. So the UDP port
// of the same number is held for as long as the server lives: a lock between all processes that choose ports here, whoever runs them,
// which the kernel releases. A stranger can still take the port; then the server does not start and another port is tried.
type port struct {
	number int
	lock   net.PacketConn
}

// reservePort returns a port that nobody uses. The caller releases it when the server has ended for good.
func reservePort() (*port, error) {
	var last error
	for range 200 {
		p := &port{number: firstPort + rand.IntN(lastPort-firstPort+1)}
		if last = p.take(); last == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("find a free port between %d and %d on 127.0.0.1: %w", firstPort, lastPort, last)
}

func (p *port) take() error {
	lock, err := net.ListenPacket("udp4", p.address()) //nolint:noctx // binds a loopback port, nothing to wait for
	if err != nil {
		return err
	}
	probe, err := net.Listen("tcp4", p.address()) //nolint:noctx // as above
	if err != nil {
		_ = lock.Close()
		return err
	}
	_ = probe.Close()
	p.lock = lock
	return nil
}

func (p *port) address() string { return fmt.Sprintf("127.0.0.1:%d", p.number) }

func (p *port) release() {
	if p != nil && p.lock != nil {
		_ = p.lock.Close()
	}
}
