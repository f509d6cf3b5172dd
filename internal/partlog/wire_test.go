package partlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// wire is a connection whose other side has already answered.
type wire struct {
	io.Reader
	sent bytes.Buffer
}

func (w *wire) Write(b []byte) (int, error) { return w.sent.Write(b) }

// answer is a Fetch response in the making.
type answer struct {
	correlation int32
	topic       string
	partition   int32
	code        int16
	aborted     int32 // how many it claims
	claimed     int32 // bytes of records it claims, if not as many as there are
	records     []byte
}

// bytes is the response in version 11.
func (a answer) bytes() []byte {
	r := &request{b: make([]byte, 4)}
	r.int32(a.correlation)
	r.int32(0) // throttle
	r.int16(0)
	r.int32(0) // session
	r.array(1)
	r.string(a.topic)
	r.array(1)
	r.int32(a.partition)
	r.int16(a.code)
	r.int64(1000) // high watermark
	r.int64(1000)
	r.int64(0)
	r.int32(a.aborted)
	r.int32(-1)
	if a.claimed == 0 {
		a.claimed = int32(len(a.records))
	}
	r.int32(a.claimed)
	r.b = append(r.b, a.records...)
	binary.BigEndian.PutUint32(r.b, uint32(len(r.b)-4))
	return r.b
}

func testFetch(limit int) *fetchRequest {
	return &fetchRequest{
		correlation: 9, version: fetchNewest, topic: "rides", partition: 7, position: 100, maxBytes: limit, limit: limit, maxWait: time.Second, done: make(chan struct{}),
	}
}

func TestFetchResponses(t *testing.T) {
	t.Parallel()
	good := answer{correlation: 9, topic: "rides", partition: 7, records: plain(100, 2).bytes()}
	change := func(f func(*answer)) []byte { a := good; f(&a); return a.bytes() }
	for _, c := range []struct {
		scenario string
		sent     []byte
		want     string // "" for none
		is       error
	}{
		{scenario: "a good one", sent: good.bytes()},
		{scenario: "of another request", sent: change(func(a *answer) { a.correlation = 8 }), want: "answers request 8", is: errAnswer},
		{scenario: "of another topic", sent: change(func(a *answer) { a.topic = "tides" }), want: "not about rides/7", is: errAnswer},
		{scenario: "of another partition", sent: change(func(a *answer) { a.partition = 8 }), want: "not about rides/7", is: errAnswer},
		{scenario: "2^31 aborted transactions", sent: change(func(a *answer) { a.aborted = math.MaxInt32 }), want: "ends too early", is: errShort},
		{scenario: "2^31 bytes of records", sent: change(func(a *answer) { a.claimed = math.MaxInt32 }), want: "ends too early", is: errShort},
		{scenario: "no records at all, null", sent: change(func(a *answer) { a.records, a.claimed = nil, -1 })},
		{scenario: "the connection ends before the answer", sent: nil, want: "EOF", is: io.EOF},
		{scenario: "the connection ends in its size", sent: good.bytes()[:2], want: "EOF", is: io.ErrUnexpectedEOF},
		{scenario: "the connection ends in its middle", sent: good.bytes()[:40], want: "EOF", is: io.ErrUnexpectedEOF},
		{scenario: "a negative size", sent: []byte{0xff, 0xff, 0xff, 0xff}, want: "no Kafka broker", is: errAnswer},
		{scenario: "a size of zero", sent: []byte{0, 0, 0, 0}, want: "no Kafka broker", is: errAnswer},
		{scenario: "an answer of HTTP", sent: []byte("HTTP/1.1 400 Bad Request\r\n"), want: "needs"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			m := testFetch(1 << 20)
			got, err := m.RawExchange(&wire{Reader: bytes.NewReader(c.sent)})
			select {
			case <-m.done:
			default:
				t.Error("the buffer is not given back")
			}
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want == "" && got == nil:
				t.Fatal("no answer")
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("%v, want %q", err, c.want)
			case c.is != nil && !errors.Is(err, c.is):
				t.Errorf("%v is not %v", err, c.is)
			case c.is != nil && !Retriable(err):
				t.Errorf("%v is not retriable", err)
			}
		})
	}
}

func TestFetchResponseCutAtEveryByte(t *testing.T) {
	t.Parallel()
	whole := answer{correlation: 9, topic: "rides", partition: 7, records: join(plain(100, 2), plain(102, 3))}.bytes()
	for n := range len(whole) {
		cut := bytes.Clone(whole[:n])
		if _, err := testFetch(1 << 20).RawExchange(&wire{Reader: bytes.NewReader(cut)}); !Retriable(err) {
			t.Fatalf("cut at byte %d: %v", n, err)
		}
		if n < 8 {
			continue
		}
		binary.BigEndian.PutUint32(cut, uint32(n-4))
		if _, err := testFetch(1 << 20).RawExchange(&wire{Reader: bytes.NewReader(cut)}); !Retriable(err) {
			t.Fatalf("cut at byte %d, its size says so: %v", n, err)
		}
	}
}

func TestFetchResponseTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	whole := answer{correlation: 9, topic: "rides", partition: 7, records: join(plain(98, 5000))}.bytes()
	m := testFetch(1 << 10)
	_, err := m.RawExchange(&wire{Reader: bytes.NewReader(whole)})
	var large *TooLargeError
	if !errors.As(err, &large) || large.Size != len(whole)-4 || large.First != 100 || large.Next != 5098 {
		t.Fatalf("%+v, want a *TooLargeError with the size %d and the batch's end", err, len(whole)-4)
	}
	if cap(m.buf) > 1<<10 {
		t.Errorf("%d bytes were taken, more than the limit", cap(m.buf))
	}
	if Retriable(err) {
		t.Error("it counts as retriable")
	}
}

func TestFetchOfATooOldBroker(t *testing.T) {
	t.Parallel()
	m := testFetch(1 << 10)
	m.Required(map[protocol.ApiKey]int16{protocol.Fetch: 3})
	if _, err := m.RawExchange(&wire{Reader: bytes.NewReader(nil)}); !errors.Is(err, ErrTooOld) || Retriable(err) {
		t.Fatalf("%v, want ErrTooOld, for good", err)
	}
}
