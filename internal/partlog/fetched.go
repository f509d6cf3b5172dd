package partlog

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// fetched.go: from the bytes of one response to its records. Before it fetch.go; record.go and aborted.go do the parts.

// Fetched is a piece of one partition's log: whole batches, checked, as one fetch brought them. Record walks it once. The zero value is
// ready to be fetched into. One goroutine at a time.
type Fetched struct {
	LogStart      int64 // first offset that the broker still has, -1 from brokers before 1.0
	HighWatermark int64
	LastStable    int64

	topic     string
	partition int32
	codecs    *codecs
	limit     int // bytes of a decompressed batch
	most      int // above this a batch is not opened at all
	buf       []byte
	scratch   []byte // the batch being read, decompressed
	first     int64
	next      int64

	batches      []batch // all of them hold offsets in [first,next)
	opened       int     // how many of batches were opened or passed over
	filter       abortedFilter
	in           *batch // being read, nil between batches
	rest         []byte // of in's records
	left         int32  // records of in still to be read
	position     int64
	notRecords   int64
	bytes        int
	decompressed int
	err          error
}

// open takes over an answer. It returns *CorruptError if its first batch that matters is corrupt, *TooLargeError if that is cut off; a later one ends
// the piece before it, and the fetch that begins there says what is wrong.
func (f *Fetched) open(r *Reader, answer *fetchResponse, position int64, limit int) error {
	*f = Fetched{
		LogStart: answer.logStart, HighWatermark: answer.highWatermark, LastStable: answer.lastStable,
		topic: r.topic, partition: r.partition, codecs: &r.log.codecs, limit: limit, most: r.log.cfg.MaxBatchBytes,
		buf: answer.buf, scratch: f.scratch, batches: f.batches[:0], filter: f.filter,
		first: position, next: position, position: position, bytes: len(answer.records),
	}
	if cap(f.scratch) > limit {
		f.scratch = nil
	}
	f.filter.reset(answer.aborted)
	castagnoli := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	for rest := answer.records; len(rest) > 0; {
		b, more, short, why := readBatch(rest, castagnoli)
		if why == "" && short == nil && b.next > position && b.next <= f.next {
			why = fmt.Sprintf("it comes after a batch that ends at %d", f.next)
		}
		switch {
		case why != "" && len(f.batches) == 0:
			return &CorruptError{Topic: f.topic, Partition: f.partition, First: b.first, Next: b.next, Why: why}
		case short != nil && len(f.batches) == 0:
			return &TooLargeError{First: b.first, Next: b.next, Size: f.sizeToAsk(short.size)}
		case why != "", short != nil:
			return nil
		}
		if b.next > position { // the broker answers with the batch that holds the position, and rarely one before it
			f.batches = append(f.batches, b)
			f.next = b.next
		}
		rest = more
	}
	return nil
}

// sizeToAsk is the size to name in a *TooLargeError for something that needs at least size bytes.
func (f *Fetched) sizeToAsk(size int) int {
	if f.limit >= f.most {
		return max(size, f.most+1)
	}
	return max(size, min(f.most, 4*f.limit))
}

// First is the position that was asked for.
func (f *Fetched) First() int64 { return f.first }

// Next is the position after the last whole batch; First if there is none.
func (f *Fetched) Next() int64 { return f.next }

// Bytes is the size of the records as they came.
func (f *Fetched) Bytes() int { return f.bytes }

// DecompressedBytes is the size of the records read so far, uncompressed.
func (f *Fetched) DecompressedBytes() int { return f.decompressed }

// Position is the position after what Record has returned so far; at the end it is Next.
func (f *Fetched) Position() int64 { return f.position }

// NotRecords is how many offsets before Position hold no committed record: control records, aborted records, and what compaction took.
// At any moment Position - First is the number of records returned plus NotRecords.
func (f *Fetched) NotRecords() int64 { return f.notRecords }

// Err returns what ended Record early: *CorruptError, or *TooLargeError if a batch needs more than BufferBytes once decompressed.
// Position is then where that batch begins.
func (f *Fetched) Err() error { return f.err }

// Record moves to the next committed record and reads it into r. It returns false at the end, or if Err is not nil. Records below First, which a
// broker sends where a batch begins earlier, are passed over.
func (f *Fetched) Record(r *Record) bool {
	for f.err == nil {
		if f.in == nil && !f.nextBatch() {
			return false
		}
		for f.left > 0 {
			more, ok := r.read(f.rest, f.in)
			if !ok {
				f.corrupt("a record in it is malformed")
				return false
			}
			f.rest = more
			f.left--
			if r.Offset < f.first {
				continue
			}
			if r.Offset < f.position {
				f.corrupt(fmt.Sprintf("offset %d comes after offset %d in it", r.Offset, f.position-1))
				return false
			}
			f.notRecords += r.Offset - f.position
			f.position = r.Offset + 1
			return true
		}
		if len(f.rest) > 0 {
			f.corrupt(fmt.Sprintf("%d bytes follow its last record", len(f.rest)))
			return false
		}
		f.pass(f.in.next)
		f.in = nil
	}
	return false
}

// nextBatch opens the next batch that holds committed records, and counts what it passes over.
func (f *Fetched) nextBatch() bool {
	for f.opened < len(f.batches) {
		b := &f.batches[f.opened]
		f.opened++
		if f.filter.drops(b) {
			f.pass(b.next)
			continue
		}
		records, err := f.decompress(b)
		if err != nil {
			f.err = err
			return false
		}
		f.in, f.rest, f.left = b, records, b.count
		f.decompressed += len(records)
		return true
	}
	return false
}

// pass moves over offsets that hold no committed record.
func (f *Fetched) pass(next int64) {
	if next > f.position {
		f.notRecords += next - f.position
		f.position = next
	}
}

func (f *Fetched) decompress(b *batch) ([]byte, error) {
	codec := b.attributes & codecMask
	if codec == codecNone {
		return b.records, nil
	}
	var err error
	f.scratch, err = f.codecs.decompress(codec, f.scratch, b.records, f.limit)
	switch {
	case errors.Is(err, errLimit):
		return nil, &TooLargeError{First: b.first, Next: b.next, Size: f.sizeToAsk(0)}
	case err != nil:
		return nil, &CorruptError{Topic: f.topic, Partition: f.partition, First: b.first, Next: b.next, Why: "it cannot be decompressed: " + err.Error()}
	}
	return f.scratch, nil
}

func (f *Fetched) corrupt(why string) {
	f.err = &CorruptError{Topic: f.topic, Partition: f.partition, First: f.in.first, Next: f.in.next, Why: why}
	f.in = nil
}
