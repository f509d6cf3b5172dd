package partlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// wire.go: the protocol's primitive types. Requests are appended to a slice, responses read from one.

var (
	// errAnswer says that a broker's answer is not what the protocol wants. The connection is closed after it; another may do.
	errAnswer = errors.New("the broker's answer is not what was asked for")
	// errShort says that a message ends before its fields do.
	errShort = fmt.Errorf("%w: it ends too early", errAnswer)
)

// request is a request being built: classic (fixed-width lengths) or flexible (KIP-482: varint lengths and tagged fields).
type request struct {
	b        []byte
	flexible bool
}

// newRequest begins a request with its header. The four bytes of its size are filled in by send.
func newRequest(key, version int16, correlation int32, clientID string, flexible bool) *request {
	r := &request{b: make([]byte, 4, 256)}
	r.int16(key)
	r.int16(version)
	r.int32(correlation)
	r.int16(int16(len(clientID)))
	r.b = append(r.b, clientID...)
	r.flexible = flexible
	r.tags()
	return r
}

func (r *request) int8(v int8)   { r.b = append(r.b, byte(v)) }
func (r *request) int16(v int16) { r.b = binary.BigEndian.AppendUint16(r.b, uint16(v)) }
func (r *request) int32(v int32) { r.b = binary.BigEndian.AppendUint32(r.b, uint32(v)) }
func (r *request) int64(v int64) { r.b = binary.BigEndian.AppendUint64(r.b, uint64(v)) }

func (r *request) bool(v bool) {
	if v {
		r.int8(1)
		return
	}
	r.int8(0)
}

// array begins an array of n elements.
func (r *request) array(n int) {
	if r.flexible {
		r.b = binary.AppendUvarint(r.b, uint64(n)+1)
		return
	}
	r.int32(int32(n))
}

func (r *request) string(s string) {
	if r.flexible {
		r.b = binary.AppendUvarint(r.b, uint64(len(s))+1)
	} else {
		r.int16(int16(len(s)))
	}
	r.b = append(r.b, s...)
}

// tags ends a structure of a flexible message: no tagged fields.
func (r *request) tags() {
	if r.flexible {
		r.int8(0)
	}
}

// send writes the request.
func (r *request) send(w io.Writer) error {
	binary.BigEndian.PutUint32(r.b, uint32(len(r.b)-4))
	if _, err := w.Write(r.b); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	return nil
}

// response is a response being read. After an error every read returns zero; the error is in err.
type response struct {
	b        []byte
	flexible bool
	err      error
}

func (r *response) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = errShort
		}
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *response) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *response) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *response) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *response) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// length reads a length: -1 for null. elementBytes is the least that an element takes, so that a length beyond the message is
// an error before anything is allocated.
func (r *response) length(elementBytes int, wide bool) int {
	var n int64
	switch {
	case r.flexible:
		v, size := binary.Uvarint(r.b)
		if size <= 0 || v > 1<<31 {
			if r.err == nil {
				r.err = errShort
			}
			return 0
		}
		r.take(size)
		n = int64(v) - 1
	case wide:
		n = int64(r.int32())
	default:
		n = int64(r.int16())
	}
	if n < 0 {
		return -1
	}
	if n*int64(elementBytes) > int64(len(r.b)) {
		if r.err == nil {
			r.err = errShort
		}
		return 0
	}
	return int(n)
}

// array reads the length of an array; null counts as empty.
func (r *response) array(elementBytes int) int { return max(0, r.length(elementBytes, true)) }

func (r *response) string() string { return string(r.take(max(0, r.length(1, false)))) }

// tags skips tagged fields.
func (r *response) tags() {
	if !r.flexible {
		return
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		r.uvarint()
		r.take(int(min(r.uvarint(), 1<<31)))
	}
}

func (r *response) uvarint() uint64 {
	v, size := binary.Uvarint(r.b)
	if size <= 0 {
		if r.err == nil {
			r.err = errShort
		}
		return 0
	}
	r.take(size)
	return v
}

// receive reads one response and checks that it answers the request with this correlation id. It uses buf if that is large enough. A
// response above limit is a *TooLargeError: nothing of it was read, and the connection is of no use any more.
func receive(r io.Reader, buf []byte, limit int, correlation int32, flexible bool) (body response, whole []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return response{}, buf, fmt.Errorf("receive response: %w", err)
	}
	size := int(int32(binary.BigEndian.Uint32(head[:])))
	switch {
	case size < 4:
		return response{}, buf, fmt.Errorf("receive response: %w: its size is %d: this is no Kafka broker, or it wants TLS", errAnswer, size)
	case size > limit:
		return response{}, buf, &TooLargeError{Size: size}
	case size > limit/2 && limit > cap(buf): // room for any response at once: each a little larger would leave the one before to the garbage collector
		buf = make([]byte, limit)
	case size > cap(buf):
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := io.ReadFull(r, buf); err != nil {
		return response{}, buf, fmt.Errorf("receive response: %w", err)
	}
	body = response{b: buf, flexible: flexible}
	if got := body.int32(); got != correlation {
		return response{}, buf, fmt.Errorf("receive response: %w: it answers request %d, not %d", errAnswer, got, correlation)
	}
	body.tags()
	return body, buf, nil
}
