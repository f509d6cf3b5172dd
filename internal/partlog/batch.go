package partlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// batch.go: the header of a record batch, format 2 (KIP-98). Before it fetched.go, which walks the batches of a response; after it
// record.go. https://kafka.apache.org/documentation/#recordbatch

const (
	batchHeaderBytes = 61
	batchPrefixBytes = 12 // base offset and length, which the length does not count
	batchMagicAt     = 16
	batchMagic       = 2
	crcFrom          = 21 // what the checksum covers
	maxOffset        = 1 << 62
)

// Attributes of a batch.
const (
	codecMask         = 0x07
	logAppendTimeFlag = 0x08
	transactionalFlag = 0x10
	controlFlag       = 0x20
)

// batch is a record batch in a response: its header, and its records still compressed.
type batch struct {
	first, next   int64 // half-open; records may be missing inside, also at both ends
	leaderEpoch   int32
	attributes    int16
	baseTimestamp int64
	maxTimestamp  int64
	producer      int64
	count         int32
	records       []byte
}

func (b *batch) control() bool       { return b.attributes&controlFlag != 0 }
func (b *batch) transactional() bool { return b.attributes&transactionalFlag != 0 }

// frame is where the first batch of some bytes lies.
type frame struct {
	whole, more []byte // whole is nil if the batch is not all there
	first       int64  // base offset
	size        int64  // what the batch needs to be whole
	why         string // what is wrong with it, empty if nothing
}

// cutFrame finds the first batch of b by its base offset and length, which no checksum covers.
func cutFrame(b []byte) frame {
	if len(b) < batchPrefixBytes {
		return frame{size: batchHeaderBytes}
	}
	f := frame{first: int64(binary.BigEndian.Uint64(b))}
	f.size = batchPrefixBytes + int64(int32(binary.BigEndian.Uint32(b[8:])))
	if len(b) > batchMagicAt && b[batchMagicAt] != batchMagic {
		f.why = otherFormat(b[batchMagicAt])
		return f
	}
	switch {
	case f.size < batchHeaderBytes:
		f.why = fmt.Sprintf("its length is %d, less than a header", f.size-batchPrefixBytes)
	case f.first < 0 || f.first > maxOffset:
		f.why = fmt.Sprintf("its base offset %d is impossible", f.first)
	case f.size <= int64(len(b)):
		f.whole, f.more = b[:f.size:f.size], b[f.size:]
	}
	return f
}

// readHeader reads the header of a whole batch. It checks nothing.
func readHeader(whole []byte) batch {
	first := int64(binary.BigEndian.Uint64(whole))
	return batch{
		first:         first,
		next:          first + int64(int32(binary.BigEndian.Uint32(whole[23:]))) + 1,
		leaderEpoch:   int32(binary.BigEndian.Uint32(whole[12:])),
		attributes:    int16(binary.BigEndian.Uint16(whole[21:])),
		baseTimestamp: int64(binary.BigEndian.Uint64(whole[27:])),
		maxTimestamp:  int64(binary.BigEndian.Uint64(whole[35:])),
		producer:      int64(binary.BigEndian.Uint64(whole[43:])),
		count:         int32(binary.BigEndian.Uint32(whole[57:])),
		records:       whole[batchHeaderBytes:],
	}
}

// check says what is wrong with a whole batch, empty if nothing.
func (b *batch) check(whole []byte, castagnoli *crc32.Table) string {
	want, got := binary.BigEndian.Uint32(whole[17:]), crc32.Checksum(whole[crcFrom:], castagnoli)
	switch {
	case want != got:
		return fmt.Sprintf("its checksum is %08x, its content's is %08x: it was damaged on disk or on the way", want, got)
	case b.next <= b.first:
		return fmt.Sprintf("its last offset is %d, its first %d", b.next-1, b.first)
	case b.count < 0 || int64(b.count) > b.next-b.first:
		return fmt.Sprintf("it claims %d records for %d offsets", b.count, b.next-b.first)
	}
	return ""
}

func otherFormat(magic byte) string {
	if magic > batchMagic {
		return fmt.Sprintf("it is in message format %d, which this version does not know: it is damaged, or written by a newer Kafka", magic)
	}
	return fmt.Sprintf("it is in message format %d, from before Kafka 0.11: copy the topic with a newer client (kafka-mirror-maker, kcat) and read the copy", magic)
}
