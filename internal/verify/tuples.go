package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgconn"

	"ridesink/schema"
)

// tuples.go: a stream of tuples in PostgreSQL's binary COPY format, ordered by partition and offset. Before it sql.go; partition.go reads it.

// chunkBytes is how much of a stream is handed over at a time.
const chunkBytes = 256 << 10

// tuples reads one COPY. One goroutine at a time; another, which copyTo is, fills it.
type tuples struct {
	columns   int // of each tuple
	partition int // which column is kafka_partition; kafka_offset is the first

	chunks chan []byte // filled; closed at the end
	free   chan []byte // to be filled
	err    error       // of the COPY; may be read once chunks is closed

	buf     []byte // unread
	chunk   []byte // that buf lies in
	joined  []byte // for a tuple that lies in two chunks
	started bool   // the header was read
	head    head
	known   bool // head is that of the tuple at hand
}

// head says what a tuple is about. At the end of the stream its partition is beyond all.
type head struct {
	partition int32
	offset    int64
	size      int // bytes of the tuple
}

// endOfTuples is the partition of the head behind the last tuple.
const endOfTuples = math.MaxInt32

func newTuples(columns, partition int) *tuples {
	const chunks = 3 // one read, one filled, one between
	t := &tuples{columns: columns, partition: partition, chunks: make(chan []byte, chunks), free: make(chan []byte, chunks)}
	for range chunks {
		t.free <- make([]byte, 0, chunkBytes+chunkBytes/4)
	}
	return t
}

// copyTo runs the COPY to its end, or until ctx ends.
func (t *tuples) copyTo(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	w := &chunkWriter{ctx: ctx, t: t}
	_, err := conn.CopyTo(ctx, w, sql)
	if err == nil {
		err = w.handOver()
	}
	t.err = err
	close(t.chunks)
	return err
}

// chunkWriter gathers the rows that CopyTo writes one by one.
type chunkWriter struct {
	ctx context.Context //nolint:containedctx // io.Writer has no room for it; the writer lives for one COPY
	t   *tuples
	buf []byte
}

// Write implements io.Writer.
func (w *chunkWriter) Write(p []byte) (int, error) {
	if w.buf == nil {
		select {
		case w.buf = <-w.t.free:
		case <-w.ctx.Done():
			return 0, context.Cause(w.ctx)
		}
	}
	w.buf = append(w.buf, p...)
	if len(w.buf) >= chunkBytes {
		if err := w.handOver(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *chunkWriter) handOver() error {
	if len(w.buf) == 0 {
		return nil
	}
	select {
	case w.t.chunks <- w.buf:
		w.buf = nil
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

// fill makes at least n bytes of buf available; it returns false if the stream ends before.
func (t *tuples) fill(n int) bool {
	for len(t.buf) < n {
		chunk, open := <-t.chunks
		if !open {
			return false
		}
		left := t.buf
		if len(left) == 0 {
			t.recycle()
			t.buf, t.chunk = chunk, chunk
			continue
		}
		t.joined = append(append(t.joined[:0:0], left...), chunk...)
		t.recycle()
		t.buf, t.chunk = t.joined, nil
		t.free <- chunk[:0]
	}
	return true
}

// recycle gives the chunk at hand back, unless it has grown.
func (t *tuples) recycle() {
	if t.chunk == nil {
		return
	}
	if cap(t.chunk) > 4*chunkBytes {
		t.chunk = make([]byte, 0, chunkBytes+chunkBytes/4)
	}
	t.free <- t.chunk[:0]
	t.chunk = nil
}

// errStream says that PostgreSQL's answer is not what the format promises.
var errStream = errors.New("the answer to COPY breaks off, or is not in the binary format: run it again, without a proxy between")

// begin reads the header.
func (t *tuples) begin() error {
	header := schema.AppendCopyHeader(nil)
	if !t.fill(len(header)) {
		return t.broken()
	}
	if !bytes.Equal(t.buf[:len(header)], header) {
		return errStream
	}
	t.buf, t.started = t.buf[len(header):], true
	return nil
}

func (t *tuples) broken() error {
	if t.err != nil { // chunks is closed
		return fmt.Errorf("read from PostgreSQL: %w", t.err)
	}
	return errStream
}

// equals reports whether the tuple at hand has exactly these bytes. A tuple tells its own length, so what begins like one is one.
func (t *tuples) equals(tuple []byte) bool {
	return t.fill(len(tuple)) && bytes.Equal(t.buf[:len(tuple)], tuple)
}

// skip passes over a tuple of that size.
func (t *tuples) skip(size int) { t.buf, t.known = t.buf[size:], false }

// peek returns the head of the tuple at hand.
func (t *tuples) peek() (head, error) {
	if t.known {
		return t.head, nil
	}
	if !t.started {
		if err := t.begin(); err != nil {
			return head{}, err
		}
	}
	if !t.fill(2) {
		return head{}, t.broken()
	}
	columns := int16(binary.BigEndian.Uint16(t.buf)) // the same bits
	if columns == -1 {
		t.head, t.known = head{partition: endOfTuples, offset: math.MaxInt64}, true
		return t.head, nil
	}
	if int(columns) != t.columns {
		return head{}, errStream
	}
	h := head{size: 2}
	for c := range t.columns {
		if !t.fill(h.size + 4) {
			return head{}, t.broken()
		}
		length := int32(binary.BigEndian.Uint32(t.buf[h.size:])) // the same bits
		h.size += 4
		if length < 0 {
			continue
		}
		if !t.fill(h.size + int(length)) {
			return head{}, t.broken()
		}
		value := t.buf[h.size:]
		switch {
		case c == 0 && length == 8:
			h.offset = int64(binary.BigEndian.Uint64(value)) // the same bits
		case c == t.partition && length == 4:
			h.partition = int32(binary.BigEndian.Uint32(value)) // the same bits
		}
		h.size += int(length)
	}
	t.head, t.known = h, true
	return h, nil
}

// take returns the values of the tuple at hand, nil for NULL, and moves on. They are valid until the next call of any method.
func (t *tuples) take(h head) [][]byte {
	tuple := t.buf[:h.size]
	t.skip(h.size)
	return split(tuple)
}

// split cuts a sound tuple into its values; nil for NULL.
func split(tuple []byte) [][]byte {
	values := make([][]byte, binary.BigEndian.Uint16(tuple))
	at := 2
	for c := range values {
		length := int32(binary.BigEndian.Uint32(tuple[at:])) // the same bits
		at += 4
		if length < 0 {
			continue
		}
		values[c] = tuple[at : at+int(length) : at+int(length)]
		at += int(length)
	}
	return values
}
