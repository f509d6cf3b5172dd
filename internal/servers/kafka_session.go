package servers

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// kafka_session.go: a connection whose login ends. With connections.max.reauth.ms, and with tokens that expire, a broker cuts a connection that asks for
// something after that; kafka-go never logs in again, so that a group would share out its partitions anew each time. KIP-368 allows another login on the
// same connection, between two requests: that is done here, and who uses the connection does not notice.

// session is a connection that logs in again in time. As with any net.Conn, one goroutine may read and another write.
type session struct {
	net.Conn
	login   func(context.Context, net.Conn) (time.Duration, error)
	timeout time.Duration // of a login

	writing sync.Mutex // held by Write
	reading sync.Mutex // held by Read, and by a login

	mu              sync.Mutex
	due             time.Time // guarded by mu: from when on to log in again; zero: never
	asked, answered frames    // guarded by mu: what went over the connection
	readBy, writeBy time.Time // guarded by mu: the deadlines that its user set
	renewing        bool      // guarded by mu: the deadlines are a login's
}

// renewAfter is the share of a login's time after which the next one is due, in percent. What is left is for requests that take their time.
const renewAfter = 80

func newSession(conn net.Conn, lifetime, timeout time.Duration, login func(context.Context, net.Conn) (time.Duration, error)) *session {
	s := &session{Conn: conn, login: login, timeout: timeout}
	s.lasts(lifetime)
	return s
}

// lasts notes when to log in again. The caller holds mu, or nobody else has the session yet.
func (s *session) lasts(lifetime time.Duration) {
	s.due = time.Time{}
	if lifetime > 0 {
		s.due = time.Now().Add(lifetime * renewAfter / 100)
	}
}

// Write writes; at the beginning of a request, if it is time and no answer is on its way, it logs in again before.
func (s *session) Write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.renew(); err != nil {
		_ = s.Close()
		return 0, err
	}
	s.mu.Lock()
	s.asked.pass(b) // before an answer can come
	s.mu.Unlock()
	return s.Conn.Write(b)
}

// Read reads.
func (s *session) Read(b []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	n, err := s.Conn.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered.pass(b[:n])
	return n, err
}

// renew logs in again if that is due and nothing else is on the connection.
func (s *session) renew() error {
	if !s.reading.TryLock() { // somebody waits for an answer
		return nil
	}
	defer s.reading.Unlock()
	s.mu.Lock()
	if s.due.IsZero() || time.Now().Before(s.due) || s.asked.inside() || s.answered.inside() || s.asked.whole != s.answered.whole {
		s.mu.Unlock()
		return nil
	}
	s.renewing = true
	_ = s.Conn.SetDeadline(time.Now().Add(s.timeout))
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), s.timeout) // whose request it is that waits is not known here
	defer cancel()
	lifetime, err := s.login(ctx, s.Conn)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewing = false
	s.lasts(lifetime)
	_ = s.Conn.SetReadDeadline(s.readBy)
	_ = s.Conn.SetWriteDeadline(s.writeBy)
	return err
}

// SetDeadline sets both deadlines. During a login they wait for its end.
func (s *session) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy, s.writeBy = t, t
	if s.renewing {
		return nil
	}
	return s.Conn.SetDeadline(t)
}

// SetReadDeadline is as SetDeadline.
func (s *session) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy = t
	if s.renewing {
		return nil
	}
	return s.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is as SetDeadline.
func (s *session) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeBy = t
	if s.renewing {
		return nil
	}
	return s.Conn.SetWriteDeadline(t)
}

// frames follows one direction of Kafka's protocol: a size of four bytes, then so many bytes.
type frames struct {
	size  [4]byte
	have  int // bytes of size that were seen
	left  int // bytes of the frame that are missing, once size is known
	whole int // frames that passed to their end
}

// pass takes the next bytes.
func (f *frames) pass(b []byte) {
	for len(b) > 0 {
		if f.have < len(f.size) {
			n := copy(f.size[f.have:], b)
			f.have, b = f.have+n, b[n:]
			if f.have < len(f.size) {
				return
			}
			f.left = int(binary.BigEndian.Uint32(f.size[:]))
		}
		n := min(f.left, len(b))
		f.left, b = f.left-n, b[n:]
		if f.left == 0 {
			f.have, f.whole = 0, f.whole+1
		}
	}
}

// inside reports whether a frame has begun and not ended.
func (f *frames) inside() bool { return f.have > 0 }
