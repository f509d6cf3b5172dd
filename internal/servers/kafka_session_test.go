package servers

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// frame is n bytes with their size before.
func frame(n int) []byte {
	b := make([]byte, 4+n)
	binary.BigEndian.PutUint32(b, uint32(n))
	return b
}

// TestFrames holds: however a stream is cut, each frame counts once, when its last byte has passed.
func TestFrames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		ends := map[int]bool{0: true}
		for _, n := range rapid.SliceOf(rapid.IntRange(1, 300)).Draw(t, "sizes") {
			stream = append(stream, frame(n)...)
			ends[len(stream)] = true
		}
		var f frames
		for at := 0; at < len(stream); {
			n := rapid.IntRange(1, len(stream)-at).Draw(t, "piece")
			f.pass(stream[at : at+n])
			at += n
			if f.inside() == ends[at] {
				t.Fatalf("after %d bytes: inside a frame is %t", at, f.inside())
			}
		}
		if f.whole != len(ends)-1 {
			t.Fatalf("%d frames, want %d", f.whole, len(ends)-1)
		}
	})
}

// exchangeOn sends a request in two pieces and reads its answer; between the pieces and before the answer it calls meanwhile.
func exchangeOn(t *testing.T, s *session, broker net.Conn, meanwhile func()) {
	t.Helper()
	answered := make(chan error, 1)
	go func() { // ends with the request's answer
		request := make([]byte, len(frame(10)))
		_, err := io.ReadFull(broker, request)
		if err == nil {
			_, err = broker.Write(frame(20))
		}
		answered <- err
	}()
	request := frame(10)
	for _, piece := range [][]byte{request[:3], request[3:]} {
		if _, err := s.Write(piece); err != nil {
			t.Fatal(err)
		}
		meanwhile()
	}
	if _, err := io.ReadFull(s, make([]byte, len(frame(20)))); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

// TestSessionLogsInBetweenRequests holds: a login that is due happens before the next request, once, and never inside a request or before its answer.
func TestSessionLogsInBetweenRequests(t *testing.T) {
	t.Parallel()
	ours, brokers := net.Pipe()
	defer ours.Close()
	logins := 0
	s := newSession(ours, time.Hour, time.Minute, func(context.Context, net.Conn) (time.Duration, error) {
		logins++
		return time.Hour, nil
	})
	due := func() { s.due = time.Now().Add(-time.Second) }
	exchangeOn(t, s, brokers, due)
	if logins != 0 {
		t.Fatalf("%d logins inside of a request", logins)
	}
	exchangeOn(t, s, brokers, func() {})
	exchangeOn(t, s, brokers, func() {})
	if logins != 1 {
		t.Fatalf("%d logins, want the one that was due", logins)
	}
}

// TestSessionKeepsDeadlines holds: a login has its own time, also where a deadline of long ago was left; afterwards the user's deadline counts again.
func TestSessionKeepsDeadlines(t *testing.T) {
	t.Parallel()
	ours, brokers := net.Pipe()
	defer ours.Close()
	s := newSession(ours, 1, time.Minute, func(_ context.Context, conn net.Conn) (time.Duration, error) {
		go func() { _, _ = brokers.Write([]byte("x")) }() // ends when that was read
		_, err := conn.Read(make([]byte, 1))
		return 0, err
	})
	if err := s.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.ReadFull(brokers, make([]byte, 5)) }() // ends with the request
	if _, err := s.Write(frame(1)); err != nil {
		t.Fatalf("the login failed by a deadline that was not its own: %v", err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v, want the deadline that was set", err)
	}
}

// TestSessionRefused holds: a login that fails fails the request that waited for it, and ends the connection.
func TestSessionRefused(t *testing.T) {
	t.Parallel()
	ours, brokers := net.Pipe()
	defer brokers.Close()
	refused := &RefusedError{What: "no"}
	s := newSession(ours, 1, time.Minute, func(context.Context, net.Conn) (time.Duration, error) { return 0, refused })
	if _, err := s.Write(frame(1)); !errors.Is(err, refused) {
		t.Fatalf("%v, want that the login was refused", err)
	}
	if _, err := brokers.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("%v, want the end of the connection", err)
	}
}
