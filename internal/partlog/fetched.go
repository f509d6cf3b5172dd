package partlog

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// fetched.go: from the bytes of one response to its records. Before it fetch.go; batch.go, record.go and aborted.go do the parts.

// Fetched is a piece of one partition's log: whole batches, checked, as one fetch brought them. Record walks it once. The zero value is
// ready to be fetched into. One goroutine at a time.
type Fetched struct {
	LogStart      int64 // first offset that the broker still has, -1 from brokers before 1.0
	HighWatermark int64
	LastStable    int64
	Leader        Partition // who answered, and in which leader epoch

	topic     string
	partition int32
	codecs    *codecs
	limit     int // bytes of a decompressed batch
	most      int // above this a batch is not opened at all
	buf       []byte
	scratch   []byte // the batch being read, decompressed
	first     int64
	next      int64

	batches      []byte // whole and checked, still to be opened
	filter       abortedFilter
	in           batch  // being read
	reading      bool   // whether in holds a batch
	rest         []byte // of in's records
	left         int32  // records of in still to be read
	position     int64
	notRecords   int64
	bytes        int
	decompressed int
	err          error
}

// open takes over an answer: it frames and checks all batches. It returns *CorruptError if the first batch that matters is
// corrupt; a later one ends the piece before it, and the fetch that begins there says what is wrong.
func (f *Fetched) open(r *Reader, answer *fetchResponse, position int64, asked, limit int) error {
	*f = Fetched{
		LogStart: answer.logStart, HighWatermark: answer.highWatermark, LastStable: answer.lastStable,
		topic: r.topic, partition: r.partition, codecs: &r.log.codecs, limit: limit, most: r.log.cfg.MaxBatchBytes,
		buf: f.buf, scratch: f.scratch, filter: f.filter,
		first: position, next: position, position: position, bytes: len(answer.records),
	}
	if cap(f.scratch) > limit {
		f.scratch = nil
	}
	f.filter.reset(answer.aborted)
	castagnoli := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	sound := 0                                      // bytes
	for rest := answer.records; len(rest) > 0; {
		at := cutFrame(rest)
		if at.why == "" && at.whole == nil {
			return f.ends(answer.records[:sound], f.cutOff(at, asked))
		}
		var b batch
		if at.why == "" {
			b = readHeader(at.whole)
			at.why = b.check(at.whole, castagnoli)
		}
		if at.why == "" && b.next > position && f.next > position && b.first < f.next {
			at.why = fmt.Sprintf("it begins at %d, although the batch before it ends at %d", b.first, f.next)
		}
		if at.why != "" {
			return f.ends(answer.records[:sound], f.corrupt(at.first, f.guessNext(at, b.next, castagnoli), at.why))
		}
		if f.next == position && position < b.first && position < answer.logStart {
			// The log start moved past us while the broker was reading: offsets that retention took look like compacted ones.
			return &OutOfRangeError{Topic: f.topic, Partition: f.partition, Position: position, LogStart: answer.logStart, HighWatermark: answer.highWatermark}
		}
		f.next = max(f.next, b.next)
		sound += len(at.whole)
		rest = at.more
	}
	return f.ends(answer.records[:sound], nil)
}

// ends sets what there is to read. why ended it early; it is worth reporting only if there is nothing else.
func (f *Fetched) ends(sound []byte, why error) error {
	f.batches = sound
	if f.next > f.first {
		return nil
	}
	return why
}

// cutOff says what a batch means that is not all there, if it is the first: brokers send the first batch whole, however large (KIP-74), and
// only cut off later ones.
func (f *Fetched) cutOff(at frame, asked int) error {
	if at.size > int64(asked) && at.size <= int64(f.most) {
		return &TooLargeError{First: max(at.first, f.first), Size: int(at.size)}
	}
	return f.corrupt(at.first, at.first+1, fmt.Sprintf("it claims %d bytes, of which the broker sent %d", at.size, f.bytes))
}

// guessNext is where the log goes on after a corrupt batch, whose own header may lie: claimed, but not beyond the next batch if that is sound, and
// not beyond the end of the log.
func (f *Fetched) guessNext(at frame, claimed int64, castagnoli *crc32.Table) int64 {
	if after := cutFrame(at.more); after.whole != nil {
		b := readHeader(after.whole)
		if b.check(after.whole, castagnoli) == "" && b.first > at.first {
			claimed = min(claimed, b.first)
		}
	}
	return min(claimed, max(f.HighWatermark, 0))
}

// corrupt makes a *CorruptError whose range goes on from where the caller is, also where the batch's own offsets make no sense.
func (f *Fetched) corrupt(first, next int64, why string) error {
	if first < f.position || first > maxOffset {
		first = f.position
	}
	if next <= first || next > maxOffset {
		next = first + 1
	}
	return &CorruptError{Topic: f.topic, Partition: f.partition, First: first, Next: next, Why: why}
}

// First is the position that was asked for.
func (f *Fetched) First() int64 { return f.first }

// Next is the position after the last whole batch; First if there is none.
func (f *Fetched) Next() int64 { return f.next }

// Covering returns the leader epoch in which the batch was written that holds offset First, whether that is a record or not. covered is false where
// no batch does: compaction took it, or it is not written yet. It must be called before Record.
func (f *Fetched) Covering() (epoch int32, covered bool) {
	for rest := f.batches; len(rest) > 0; {
		at := cutFrame(rest)
		if b := readHeader(at.whole); b.next > f.first {
			return b.leaderEpoch, b.first <= f.first
		}
		rest = at.more
	}
	return -1, false
}

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
// Everything before Position was delivered.
func (f *Fetched) Err() error { return f.err }

// Record moves to the next committed record and reads it into r. It returns false at the end, or if Err is not nil. Records below First, which a
// broker sends where a batch begins earlier, are passed over.
func (f *Fetched) Record(r *Record) bool {
	for f.err == nil {
		if !f.reading && !f.nextBatch() {
			return false
		}
		for f.left > 0 {
			more, ok := r.read(f.rest, &f.in)
			if !ok {
				return f.malformed("a record in it is malformed")
			}
			f.rest = more
			f.left--
			if r.Offset < f.first {
				continue
			}
			if r.Offset < f.position {
				return f.malformed(fmt.Sprintf("offset %d comes after offset %d in it", r.Offset, f.position-1))
			}
			f.notRecords += r.Offset - f.position
			f.position = r.Offset + 1
			return true
		}
		if len(f.rest) > 0 {
			return f.malformed(fmt.Sprintf("%d bytes follow its last record", len(f.rest)))
		}
		f.pass(f.in.next)
		f.reading = false
	}
	return false
}

// nextBatch opens the next batch that holds committed records, and counts what it passes over.
func (f *Fetched) nextBatch() bool {
	for len(f.batches) > 0 {
		at := cutFrame(f.batches)
		b := readHeader(at.whole)
		if b.next <= f.first { // the broker answers with the batch that holds the position, and rarely one before it
			f.batches = at.more
			continue
		}
		if f.filter.drops(&b) || b.count == 0 && len(b.records) == 0 {
			f.batches = at.more
			f.pass(b.next)
			continue
		}
		records, err := f.decompress(&b)
		if err != nil {
			f.err = err
			return false
		}
		f.batches = at.more
		f.in, f.reading, f.rest, f.left = b, true, records, b.count
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
		return nil, &TooLargeError{First: max(b.first, f.position), Next: b.next, Size: f.sizeToAsk()}
	case err != nil:
		return nil, f.corrupt(b.first, b.next, "it cannot be decompressed: "+err.Error())
	}
	return f.scratch, nil
}

// sizeToAsk is the next size to try for a batch that needs more than limit once decompressed; how much more is not known.
func (f *Fetched) sizeToAsk() int {
	if f.limit >= f.most {
		return f.most + 1
	}
	return min(f.most, 4*f.limit)
}

// malformed ends the reading in the middle of a batch.
func (f *Fetched) malformed(why string) bool {
	f.err = f.corrupt(f.in.first, f.in.next, why)
	f.reading = false
	return false
}
