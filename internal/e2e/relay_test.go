package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// relay_test.go stands between a sink and PostgreSQL. It understands where messages of PostgreSQL's protocol begin, so that a test can
// stop the traffic inside COPY data, before the reply to COMMIT, or at any byte, and do there what it came for.

// piece is some bytes of one message on their way. A message of at most pieceBytes is always one piece.
type piece struct {
	fromClient bool
	kind       byte // the message's type; 0 for the startup message
	body       []byte
	before     int64 // bytes that all connections of the relay had passed in this direction
}

const pieceBytes = 16 << 10

// gate holds back every piece that matches, after half of it has passed, until it is opened.
type gate struct {
	matches func(p piece) bool
	reached chan struct{} // closed when the first piece matched
	once    sync.Once
	opened  chan struct{}
}

func newGate(matches func(p piece) bool) *gate {
	return &gate{matches: matches, reached: make(chan struct{}), opened: make(chan struct{})}
}

func (g *gate) open() { close(g.opened) }

// insideCopy holds COPY data back: the server is in the middle of a COPY then.
func insideCopy() *gate {
	return newGate(func(p piece) bool { return p.fromClient && p.kind == 'd' && len(p.body) > 1 })
}

// afterBytes holds everything back that the sink sends beyond n bytes.
func afterBytes(n int64) *gate {
	return newGate(func(p piece) bool { return p.fromClient && p.before+int64(len(p.body)) > n })
}

// insideLedger holds the reply to the compare-and-set back: the transaction has the ledger's row locked then, and is not committed.
func insideLedger() *gate {
	return newGate(func(p piece) bool {
		return !p.fromClient && p.kind == 'C' && strings.HasPrefix(string(p.body), "UPDATE 1")
	})
}

// beforeCommitReply holds the reply to COMMIT back: the transaction is durable then, and the sink does not know. It lets skip pass first.
func beforeCommitReply(skip int64) *gate {
	var passed atomic.Int64
	return newGate(func(p piece) bool {
		return !p.fromClient && p.kind == 'C' && strings.HasPrefix(string(p.body), "COMMIT") && passed.Add(1) > skip
	})
}

// beforeCommit holds COMMIT itself back: the server never sees the end of it. It lets skip pass first.
func beforeCommit(skip int64) *gate {
	var passed atomic.Int64
	return newGate(func(p piece) bool {
		return p.fromClient && p.kind == 'Q' && strings.EqualFold(strings.TrimRight(string(p.body), "\x00;"), "commit") && passed.Add(1) > skip
	})
}

// relay forwards TCP connections to a PostgreSQL server until the end of the test.
type relay struct {
	t              testing.TB
	listener       net.Listener
	upstream       string // host:port
	gate           atomic.Pointer[gate]
	refusing       atomic.Bool // ends new connections at once, as a server that is away does
	bytesPerSecond int64       // of what the sink sends, on each connection; 0: no limit
	bytesUp        atomic.Int64
	bytesDown      atomic.Int64
	closed         chan struct{}
	pumps          sync.WaitGroup

	mu    sync.Mutex
	ended bool
	open  map[net.Conn]bool
}

// hold puts another gate in place; nil: none. What the old one holds waits until that one is opened.
func (r *relay) hold(g *gate) { r.gate.Store(g) }

// away ends all connections and takes no more until back.
func (r *relay) away() {
	r.refusing.Store(true)
	r.cut()
}

func (r *relay) back() { r.refusing.Store(false) }

// startRelay starts a relay to the server of databaseURL.
func startRelay(t testing.TB, databaseURL string, g *gate, bytesPerSecond int64) *relay {
	t.Helper()
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		t.Fatalf("parse the database's URL: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	network, upstream := pgconn.NetworkAddress(config.Host, config.Port)
	if network != "tcp" {
		t.Fatalf("the relay wants a server on TCP, not at %s", upstream)
	}
	r := &relay{t: t, listener: listener, upstream: upstream, bytesPerSecond: bytesPerSecond, closed: make(chan struct{}), open: map[net.Conn]bool{}}
	r.hold(g)
	r.pumps.Add(1)
	go r.accept()
	t.Cleanup(r.close)
	return r
}

// url is databaseURL by way of the relay.
func (r *relay) url(databaseURL string) string {
	return withAddress(r.t, databaseURL, r.listener.Addr().String())
}

// close ends all connections and takes no more. It may be called more than once.
func (r *relay) close() {
	r.mu.Lock()
	first := !r.ended
	r.ended = true
	if first {
		close(r.closed)
		r.listener.Close()
	}
	r.mu.Unlock()
	r.cut()
	r.pumps.Wait()
}

// cut ends all connections there are; new ones are taken.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.open {
		conn.Close()
	}
}

// track registers a connection so that cut ends it, and says whether the relay is still there.
func (r *relay) track(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		conn.Close()
		return false
	}
	r.open[conn] = true
	return true
}

func (r *relay) forget(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, conn)
}

func (r *relay) accept() {
	defer r.pumps.Done()
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		if r.refusing.Load() {
			client.Close()
			continue
		}
		server, err := net.DialTimeout("tcp", r.upstream, 5*time.Second)
		if err != nil {
			client.Close() // the server is away: the sink sees a connection that ends at once
			continue
		}
		if !r.track(client) || !r.track(server) {
			client.Close()
			server.Close()
			return
		}
		r.pumps.Add(2)
		go r.pump(client, server, true)
		go r.pump(server, client, false)
	}
}

// pump forwards one direction until either side ends.
func (r *relay) pump(from, to net.Conn, fromClient bool) {
	defer r.pumps.Done()
	defer r.forget(from)
	defer r.forget(to)
	in, out := bufio.NewReaderSize(from, 64<<10), bufio.NewWriterSize(to, 64<<10)
	for first := fromClient; ; first = false {
		if err := r.message(in, out, fromClient, first); err != nil {
			out.Flush() // what came before a side ended or was reset still goes through
			return
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

// message forwards one message. The client's first has no type byte.
func (r *relay) message(in *bufio.Reader, out *bufio.Writer, fromClient, first bool) error {
	header := make([]byte, 5)
	if first {
		header = header[1:]
	}
	if _, err := io.ReadFull(in, header); err != nil {
		return err
	}
	m := piece{fromClient: fromClient}
	if !first {
		m.kind = header[0]
	}
	left := int(binary.BigEndian.Uint32(header[len(header)-4:])) - 4
	if _, err := out.Write(header); err != nil {
		return err
	}
	for left > 0 {
		m.body = make([]byte, min(left, pieceBytes))
		if _, err := io.ReadFull(in, m.body); err != nil {
			return err
		}
		if err := r.pass(out, m); err != nil {
			return err
		}
		left -= len(m.body)
	}
	return nil
}

// pass forwards a piece, slowly if the relay is slow, and by halves if the gate holds it back.
func (r *relay) pass(out *bufio.Writer, p piece) error {
	total := &r.bytesDown
	if p.fromClient {
		total = &r.bytesUp
		if r.bytesPerSecond > 0 {
			out.Flush()
			r.linger(time.Duration(int64(len(p.body)) * int64(time.Second) / r.bytesPerSecond))
		}
	}
	p.before = total.Add(int64(len(p.body))) - int64(len(p.body))
	g := r.gate.Load()
	if g == nil || g.isOpen() || !g.matches(p) {
		_, err := out.Write(p.body)
		return err
	}
	half := len(p.body) / 2
	if _, err := out.Write(p.body[:half]); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	g.once.Do(func() { close(g.reached) })
	select {
	case <-g.opened:
	case <-r.closed:
		return net.ErrClosed
	}
	_, err := out.Write(p.body[half:])
	return err
}

func (g *gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

// linger waits, or until the relay is closed.
func (r *relay) linger(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.closed:
	}
}
