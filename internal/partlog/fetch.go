package partlog

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// fetch.go: Fetch on the wire, versions 4 (record batches, KIP-98) to 11 (the newest with topic names and the classic encoding). Before it
// reader.go; after it fetched.go.

const (
	fetchOldest = 4
	fetchNewest = 11
	// fetchOverhead is what a response holds beside the records: some forty fields, a topic name, and a list of aborted transactions.
	fetchOverhead = 16 << 10
)

// fetchRequest asks a leader for one partition. It owns buf until RawExchange has returned, which may be later than RoundTrip does: a
// caller that was cancelled leaves buf to it.
type fetchRequest struct {
	exchange
	correlation int32
	clientID    string
	version     int16

	topic     string
	partition int32
	epoch     int32
	position  int64
	maxBytes  int
	limit     int // of the response
	maxWait   time.Duration
	buf       []byte
	done      chan struct{} // closed when RawExchange has returned: buf is nobody's then
}

// fetchResponse is a partition's answer. records lies in the request's buf.
type fetchResponse struct {
	code          int16
	highWatermark int64
	lastStable    int64
	logStart      int64
	aborted       []abortedTransaction
	records       []byte
}

// ApiKey implements protocol.Message.
func (*fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// ApiKey implements protocol.Message.
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Required notes the version that the connection speaks.
func (m *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	m.version = min(versions[protocol.Fetch], fetchNewest)
	return true
}

// RawExchange implements protocol.RawExchanger.
func (m *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	defer close(m.done)
	if m.version < fetchOldest {
		return nil, fmt.Errorf("the broker speaks Fetch up to %d: %w", m.version, ErrTooOld)
	}
	if err := m.encode().send(rw); err != nil {
		return nil, err
	}
	body, buf, err := receive(rw, m.buf, m.limit, m.correlation, false)
	m.buf = buf
	var large *TooLargeError
	if errors.As(err, &large) {
		m.name(rw, large)
	}
	if err != nil {
		return nil, err
	}
	return m.read(&body)
}

// name reads the beginning of a response that is too large, to say which batch it holds.
func (m *fetchRequest) name(r io.Reader, large *TooLargeError) {
	large.First = m.position
	beginning := make([]byte, min(large.Size, fetchOverhead))
	n, _ := io.ReadFull(r, beginning)
	body := response{b: beginning[:n]}
	body.int32() // correlation
	answer, err := m.readHead(&body)
	if err != nil || answer.code != codeNone || len(body.b) < 4+batchHeaderBytes {
		return
	}
	if b := readHeader(body.b[4:]); b.first <= m.position && m.position < b.next {
		large.Next = b.next
	}
}

func (m *fetchRequest) encode() *request {
	r := newRequest(int16(protocol.Fetch), m.version, m.correlation, m.clientID, false)
	r.int32(-1) // no replica
	r.int32(int32(m.maxWait.Milliseconds()))
	r.int32(1) // answer as soon as there is a byte
	r.int32(int32(min(m.maxBytes, 1<<31-1)))
	r.int8(readCommitted)
	if m.version >= 7 {
		r.int32(0)  // no fetch session (KIP-227)
		r.int32(-1) // and none wanted
	}
	r.array(1)
	r.string(m.topic)
	r.array(1)
	r.int32(m.partition)
	if m.version >= 9 {
		r.int32(m.epoch)
	}
	r.int64(m.position)
	if m.version >= 5 {
		r.int64(-1) // a follower's log start offset
	}
	r.int32(int32(min(m.maxBytes, 1<<31-1)))
	if m.version >= 7 {
		r.array(0) // forgotten topics
	}
	if m.version >= 11 {
		r.string("") // no rack: read from the leader
	}
	return r
}

// read takes the answer apart down to the records.
func (m *fetchRequest) read(r *response) (*fetchResponse, error) {
	answer, err := m.readHead(r)
	if err != nil || answer.code != codeNone {
		return answer, err
	}
	answer.records = r.take(max(0, r.length(1, true)))
	if r.err != nil {
		return nil, fmt.Errorf("read fetch: %w", r.err)
	}
	return answer, nil
}

// readHead reads what comes before the records. A broker that answers for another partition is an error.
func (m *fetchRequest) readHead(r *response) (*fetchResponse, error) {
	answer := &fetchResponse{logStart: -1}
	r.int32() // throttle time
	if m.version >= 7 {
		answer.code = r.int16()
		r.int32() // session
	}
	topics := r.array(6)
	if answer.code != codeNone && r.err == nil {
		return answer, nil
	}
	if topics != 1 || r.string() != m.topic || r.array(26) != 1 || r.int32() != m.partition {
		if r.err != nil {
			return nil, fmt.Errorf("read fetch: %w", r.err)
		}
		return nil, fmt.Errorf("read fetch: %w: it is not about %s/%d", errAnswer, m.topic, m.partition)
	}
	answer.code = r.int16()
	answer.highWatermark = r.int64()
	answer.lastStable = r.int64()
	if m.version >= 5 {
		answer.logStart = r.int64()
	}
	for range r.array(16) {
		answer.aborted = append(answer.aborted, abortedTransaction{producer: r.int64(), first: r.int64()})
	}
	if m.version >= 11 {
		r.int32() // preferred read replica: only for a rack
	}
	if r.err != nil {
		return nil, fmt.Errorf("read fetch: %w", r.err)
	}
	return answer, nil
}
