package partlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// batch.go: the header of a record batch, format 2 (KIP-98). https://kafka.apache.org/documentation/#recordbatch

const (
	batchHeaderBytes = 61
	batchPrefixBytes = 12 // base offset and length, which the length does not count
	crcFrom          = 21 // what the checksum covers
	batchMagic       = 2
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

// cut says that a batch is not all there: the last of a response may be cut off.
type cut struct{ size int }

// readBatch reads the first batch of b and checks it. more is what follows. A batch that is not all there is no error: cut says how
// large it is. why is what is wrong with it, empty if nothing; first and next are set as far as they can be read.
func readBatch(b []byte, castagnoli *crc32.Table) (read batch, more []byte, short *cut, why string) {
	if len(b) < batchPrefixBytes {
		return batch{}, nil, &cut{size: batchHeaderBytes}, ""
	}
	read.first = int64(binary.BigEndian.Uint64(b)) //nolint:gosec // two's complement on the wire
	read.next = read.first + 1
	length := int64(int32(binary.BigEndian.Uint32(b[8:]))) //nolint:gosec // two's complement on the wire
	if length < batchHeaderBytes-batchPrefixBytes {
		// Formats 0 and 1 are shorter: a message of theirs has its magic at the same place.
		if len(b) > 16 && b[16] < batchMagic {
			return read, nil, nil, oldFormat(b[16])
		}
		return read, nil, nil, fmt.Sprintf("its length is %d, less than a header", length)
	}
	size := batchPrefixBytes + length
	if len(b) > 16 && b[16] != batchMagic {
		return read, nil, nil, oldFormat(b[16])
	}
	if size > int64(len(b)) {
		return read, nil, &cut{size: int(size)}, ""
	}
	whole := b[:size]
	lastDelta := int32(binary.BigEndian.Uint32(whole[23:])) //nolint:gosec // two's complement on the wire
	if read.first < 0 || lastDelta < 0 || read.first > 1<<62 {
		return read, nil, nil, fmt.Sprintf("its offsets are impossible: base %d, last delta %d", read.first, lastDelta)
	}
	read.next = read.first + int64(lastDelta) + 1
	want, got := binary.BigEndian.Uint32(whole[17:]), crc32.Checksum(whole[crcFrom:], castagnoli)
	if want != got {
		return read, nil, nil, fmt.Sprintf("its checksum is %08x, its content's is %08x: it was damaged on disk or on the way", want, got)
	}
	read.leaderEpoch = int32(binary.BigEndian.Uint32(whole[12:]))   //nolint:gosec // two's complement on the wire
	read.attributes = int16(binary.BigEndian.Uint16(whole[21:]))    //nolint:gosec // two's complement on the wire
	read.baseTimestamp = int64(binary.BigEndian.Uint64(whole[27:])) //nolint:gosec // two's complement on the wire
	read.maxTimestamp = int64(binary.BigEndian.Uint64(whole[35:]))  //nolint:gosec // two's complement on the wire
	read.producer = int64(binary.BigEndian.Uint64(whole[43:]))      //nolint:gosec // two's complement on the wire
	read.count = int32(binary.BigEndian.Uint32(whole[57:]))         //nolint:gosec // two's complement on the wire
	read.records = whole[batchHeaderBytes:]
	if read.count < 0 || int64(read.count) > int64(lastDelta)+1 {
		return read, nil, nil, fmt.Sprintf("it claims %d records for %d offsets", read.count, int64(lastDelta)+1)
	}
	return read, b[size:], nil, ""
}

func oldFormat(magic byte) string {
	return fmt.Sprintf("it is in message format %d, from before Kafka 0.11: let the broker rewrite the topic, or copy it with a newer producer", magic)
}
