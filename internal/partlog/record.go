package partlog

import (
	"encoding/binary"
	"errors"
)

// record.go: one record of a batch, and its headers. https://kafka.apache.org/documentation/#record

// Record is one record of the log. Its bytes lie in the buffers of the Fetched that it came from, until that is fetched into again.
type Record struct {
	Offset      int64
	Timestamp   int64  // ms since the epoch as the producer or, with log append time, the broker set it; -1 for none
	LeaderEpoch int32  // of the leader that appended it
	Key, Value  []byte // nil is null; empty is empty

	headers     []byte // as they came, checked
	headerCount int
}

// Header is one header of a record: nil is null in Value; a key is never null.
type Header struct {
	Key, Value []byte
}

// errRecord says that a record's structure is wrong.
var errRecord = errors.New("a record in it is malformed")

// Headers returns the record's headers in order, repeats included; nil if it has none. They lie in the same buffers as Key and Value.
func (r *Record) Headers() ([]Header, error) {
	if r.headerCount == 0 {
		return nil, nil
	}
	headers := make([]Header, 0, r.headerCount)
	rest := r.headers
	for range r.headerCount {
		var h Header
		var ok bool
		if h.Key, rest, ok = field(rest); !ok || h.Key == nil {
			return nil, errRecord
		}
		if h.Value, rest, ok = field(rest); !ok {
			return nil, errRecord
		}
		headers = append(headers, h)
	}
	return headers, nil
}

// read reads the first record of b into r, which knows its batch's base values. more is what follows.
func (r *Record) read(b []byte, in *batch) (more []byte, ok bool) {
	length, n := varint(b)
	if n <= 0 || length < 0 || length > int64(len(b)-n) {
		return nil, false
	}
	body, more := b[n:n+int(length)], b[n+int(length):]
	if len(body) < 1 {
		return nil, false
	}
	body = body[1:] // attributes, unused so far
	timestampDelta, n := varint(body)
	if n <= 0 {
		return nil, false
	}
	body = body[n:]
	offsetDelta, n := varint(body)
	if n <= 0 || offsetDelta < 0 || offsetDelta >= in.next-in.first {
		return nil, false
	}
	r.Offset = in.first + offsetDelta
	r.Timestamp = in.baseTimestamp + timestampDelta
	if in.attributes&logAppendTimeFlag != 0 {
		r.Timestamp = in.maxTimestamp
	}
	r.LeaderEpoch = in.leaderEpoch
	if r.Key, body, ok = field(body[n:]); !ok {
		return nil, false
	}
	if r.Value, body, ok = field(body); !ok {
		return nil, false
	}
	count, n := varint(body)
	if n <= 0 || count < 0 || count > int64(len(body)-n)/2 { // a header takes two bytes and more
		return nil, false
	}
	r.headers, r.headerCount = body[n:], int(count)
	return more, count == 0 && len(body) == n || count > 0 && r.headersWhole()
}

// headersWhole reports whether the headers can be read and fill the record.
func (r *Record) headersWhole() bool {
	rest := r.headers
	for range r.headerCount {
		key, after, ok := field(rest)
		if !ok || key == nil {
			return false
		}
		if _, rest, ok = field(after); !ok {
			return false
		}
	}
	return len(rest) == 0
}

// field reads bytes with a varint length before them: nil for -1, never nil otherwise.
func field(b []byte) (content, more []byte, ok bool) {
	length, n := varint(b)
	switch {
	case n <= 0 || length < -1 || length > int64(len(b)-n):
		return nil, nil, false
	case length == -1:
		return nil, b[n:], true
	}
	end := n + int(length)
	return b[n:end:end], b[end:], true
}

// varint reads a zigzag varint; n <= 0 if there is none.
func varint(b []byte) (v int64, n int) {
	if len(b) > 0 && b[0] < 0x80 { // most are one byte
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	return binary.Varint(b)
}
