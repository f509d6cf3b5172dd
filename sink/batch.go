package sink

import (
	"cmp"
	"fmt"
	"slices"

	"ridesink/internal/partlog"
	"ridesink/schema"
)

// batch.go: what one transaction writes. Before it decode.go, which fills it; after it write.go.

// batch is a range of one partition's offsets and all that became of it: the rows, ready as a binary COPY stream, the dead letters
// and the counts. It is filled by the decoding stage, then owned by the writing stage, which hands it back empty.
type batch struct {
	topicPartition
	first, next Position // half-open: every offset in it is counted
	counts      counts

	rows  []byte  // COPY header and tuples; seal adds the trailer
	index []rowAt // one for each tuple in rows
	dead  []deadLetter
	// records are what the rows were decoded from, one for each; only in a range that is read carefully, else nil.
	records []deadLetter
	retried bool // a write of it failed: an abandoned connection may still be reading rows

	deadBytes int
	last      lastRecord // the last record covered, if any
	event     *event     // to be recorded with the batch, or nil
	after     error      // what ends the pipeline once this batch is written, or nil
}

// rowAt says which record a tuple of batch.rows came from and where it begins.
type rowAt struct {
	offset int64
	begin  int
}

// lastRecord identifies the record that a position rests on.
type lastRecord struct {
	known       bool
	offset      int64
	timestamp   int64 // ms since the epoch, -1 for none
	leaderEpoch int32
}

// event is a row of sink_events.
type event struct {
	name        string
	first, next Position
	reason      string
}

// reset empties b and begins it at first, keeping its memory up to keepBytes.
func (b *batch) reset(tp topicPartition, first Position, keepBytes int) {
	rows, index := b.rows[:0], b.index[:0]
	if cap(rows) > keepBytes {
		rows, index = nil, nil
	}
	*b = batch{topicPartition: tp, first: first, next: first, rows: schema.AppendCopyHeader(rows), index: index}
}

// full reports whether b has reached its share.
func (b *batch) full(s share) bool {
	return len(b.rows)+b.deadBytes >= s.rows || len(b.dead) >= deadLettersPerBatch || s.careful() && len(b.index) >= carefulRecords
}

// positionOnly reports whether b moves the position over offsets that hold no records, and nothing else.
func (b *batch) positionOnly() bool {
	return b.counts.sum() == b.counts.notRecords && b.event == nil
}

// covers notes that b now ends after record r.
func (b *batch) covers(r *partlog.Record) {
	b.next = Position(r.Offset + 1)
	b.last = lastRecord{known: true, offset: r.Offset, timestamp: r.Timestamp, leaderEpoch: r.LeaderEpoch}
}

// follow puts an earlier batch that moves the position only in front of b.
func (b *batch) follow(held *batch) {
	b.first = held.first
	b.counts = b.counts.plus(held.counts)
}

// seal ends the COPY stream.
func (b *batch) seal() { b.rows = schema.AppendCopyTrailer(b.rows) }

// unseal takes the trailer off again, for reject.
func (b *batch) unseal() { b.rows = b.rows[:len(b.rows)-copyTrailerBytes] }

// reject moves rows of a sealed b to its dead letters. rejected is in the order of rows.
func (b *batch) reject(rejected []rejection, letters []deadLetter) {
	b.unseal()
	b.counts.inserted -= int64(len(rejected))
	b.counts.deadLettered += int64(len(rejected))
	rows, kept := b.rows[:b.index[0].begin], b.index[:0] // both trail what is read
	for i, at := range b.index {
		tuple := b.tuples(i, i+1)
		if len(rejected) > 0 && rejected[0].row == i {
			rejected = rejected[1:]
			continue
		}
		kept = append(kept, rowAt{offset: at.offset, begin: len(rows)})
		rows = append(rows, tuple...)
	}
	b.rows, b.index, b.records = rows, kept, nil
	b.dead = append(b.dead, letters...)
	slices.SortFunc(b.dead, func(x, y deadLetter) int { return cmp.Compare(x.offset, y.offset) })
	b.seal()
}

// copyTrailerBytes is the size of what ends a binary COPY stream: an int16 of -1.
const copyTrailerBytes = 2

// tuples returns the tuples [low, high) as they stand in the stream.
func (b *batch) tuples(low, high int) []byte {
	end := len(b.rows)
	if high < len(b.index) {
		end = b.index[high].begin
	}
	return b.rows[b.index[low].begin:end]
}

// String names the batch in errors and logs: rides/3 [100,600).
func (b *batch) String() string {
	return fmt.Sprintf("%s [%d,%d)", b.topicPartition, b.first, b.next)
}
