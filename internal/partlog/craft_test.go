package partlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
)

// craft_test.go: batches made by hand, sound ones and all others, and the reading of them without a broker.

// craftedRecord is a record of a crafted batch.
type craftedRecord struct {
	delta, timestampDelta int64
	key, value            []byte
	headers               []Header
	headerClaim           int64 // how many headers it claims, if not as many as it has
}

// crafted is a batch in the making.
type crafted struct {
	first         int64
	next          int64 // 0: after the last record
	attributes    int16
	producer      int64
	baseTimestamp int64
	maxTimestamp  int64
	leaderEpoch   int32
	records       []craftedRecord
	payload       []byte // instead of records
	count         int32  // with payload
	damage        func(whole []byte)
	seal          func(whole []byte) // as damage, but before the checksum is made
}

func appendField(b, content []byte) []byte {
	if content == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(content))), content...)
}

func (r craftedRecord) append(b []byte) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, r.timestampDelta)
	body = binary.AppendVarint(body, r.delta)
	body = appendField(body, r.key)
	body = appendField(body, r.value)
	claim := r.headerClaim
	if claim == 0 {
		claim = int64(len(r.headers))
	}
	body = binary.AppendVarint(body, claim)
	for _, h := range r.headers {
		body = appendField(appendField(body, h.Key), h.Value)
	}
	return append(binary.AppendVarint(b, int64(len(body))), body...)
}

// bytes is the batch as a broker sends it.
func (c crafted) bytes() []byte {
	payload, count := c.payload, c.count
	if payload == nil {
		payload, count = c.content(), int32(len(c.records))
	}
	next := c.next
	if next == 0 {
		next = c.first + 1
		for _, r := range c.records {
			next = c.first + r.delta + 1
		}
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(c.first))
	b = binary.BigEndian.AppendUint32(b, uint32(batchHeaderBytes-batchPrefixBytes+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(c.leaderEpoch))
	b = append(b, batchMagic, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(c.attributes))
	b = binary.BigEndian.AppendUint32(b, uint32(next-c.first-1))
	b = binary.BigEndian.AppendUint64(b, uint64(c.baseTimestamp))
	b = binary.BigEndian.AppendUint64(b, uint64(c.maxTimestamp))
	b = binary.BigEndian.AppendUint64(b, uint64(c.producer))
	b = append(b, 0, 0, 0, 0, 0, 0) // producer epoch and sequence
	b = binary.BigEndian.AppendUint32(b, uint32(count))
	b = append(b, payload...)
	if c.seal != nil {
		c.seal(b)
	}
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[crcFrom:], crc32.MakeTable(crc32.Castagnoli)))
	if c.damage != nil {
		c.damage(b)
	}
	return b
}

// content is the records, uncompressed.
func (c crafted) content() []byte {
	b := []byte{}
	for _, r := range c.records {
		b = r.append(b)
	}
	return b
}

// plain is a batch of n records from first on, whose values are their offsets.
func plain(first int64, n int) crafted {
	c := crafted{first: first, producer: -1, baseTimestamp: 1593563132000, leaderEpoch: 3}
	for i := range int64(n) {
		c.records = append(c.records, craftedRecord{delta: i, timestampDelta: i, value: fmt.Append(nil, first+i)})
	}
	return c
}

// transactional is plain as part of a transaction.
func transactional(producer, first int64, n int) crafted {
	c := plain(first, n)
	c.producer, c.attributes = producer, transactionalFlag
	return c
}

// marker is the control batch that ends a transaction.
func marker(producer, first int64, commit bool) crafted {
	key := []byte{0, 0, 0, 0}
	if commit {
		key[3] = 1
	}
	return crafted{first: first, producer: producer, attributes: transactionalFlag | controlFlag, records: []craftedRecord{{key: key, value: make([]byte, 6)}}}
}

// join is a response's records.
func join(batches ...crafted) []byte {
	var b []byte
	for _, c := range batches {
		b = append(b, c.bytes()...)
	}
	return b
}

// testReader is a Reader for answers that no broker sent.
func testReader(tb testing.TB) *Reader {
	tb.Helper()
	return (&Log{cfg: Config{MaxBatchBytes: 1 << 20}}).Partition("rides", 7)
}

// answered opens an answer with these records, read at position with plenty of room.
func answered(tb testing.TB, position int64, records []byte, aborted ...abortedTransaction) (*Fetched, error) {
	tb.Helper()
	f := new(Fetched)
	err := f.open(testReader(tb), &fetchResponse{records: records, aborted: aborted, highWatermark: 1 << 40, lastStable: 1 << 40}, position, 1<<20, 1<<20)
	return f, err
}

// kept is a record that outlives its Fetched.
type kept struct {
	Record
	headers []Header
}

// drain reads f to its end. At every step it holds the invariant that every offset is counted once.
func drain(tb testing.TB, f *Fetched) []kept {
	tb.Helper()
	var all []kept
	var r Record
	for f.Record(&r) {
		headers, err := r.Headers()
		if err != nil {
			tb.Errorf("headers at offset %d: %v", r.Offset, err)
		}
		k := kept{Record: r}
		k.Key, k.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		for _, h := range headers {
			k.headers = append(k.headers, Header{Key: bytes.Clone(h.Key), Value: bytes.Clone(h.Value)})
		}
		all = append(all, k)
		if f.Position() != r.Offset+1 {
			tb.Fatalf("position %d after the record at offset %d", f.Position(), r.Offset)
		}
		if f.Position()-f.First() != int64(len(all))+f.NotRecords() {
			tb.Fatalf("at position %d: %d records and %d not-records do not add up to %d offsets", f.Position(), len(all), f.NotRecords(), f.Position()-f.First())
		}
	}
	if f.Position()-f.First() != int64(len(all))+f.NotRecords() {
		tb.Fatalf("at the end, %d: %d records and %d not-records do not add up to %d offsets", f.Position(), len(all), f.NotRecords(), f.Position()-f.First())
	}
	if f.Err() == nil && f.Position() != f.Next() {
		tb.Fatalf("the end is at %d, next is %d", f.Position(), f.Next())
	}
	if f.Position() > f.Next() {
		tb.Fatalf("position %d is beyond next %d", f.Position(), f.Next())
	}
	return all
}

func offsets(all []kept) []int64 {
	var list []int64
	for _, k := range all {
		list = append(list, k.Offset)
	}
	return list
}

// upTo is the offsets [first, next).
func upTo(first, next int64) []int64 {
	var list []int64
	for o := first; o < next; o++ {
		list = append(list, o)
	}
	return list
}
