package sink

import (
	"fmt"

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

	rows    []byte  // COPY header and tuples; seal adds the trailer
	index   []rowAt // one for each tuple in rows
	dead    []deadLetter
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

// rowsSlack is how much longer than its share of rows a batch may become before its memory is moved: it is full once it is longer.
const rowsSlack = 64 << 10

// reset empties b and begins it at first. It keeps its memory up to twice the share, and has all of a turn's at once: growing to it step by step
// would cost as much again.
func (b *batch) reset(tp topicPartition, first Position, s *share) {
	rows, index := b.rows[:0], b.index[:0]
	if cap(rows) > 2*s.rows+rowsSlack {
		rows, index = nil, nil
	}
	if s.turn && rows == nil {
		rows = make([]byte, 0, s.rows+rowsSlack)
	}
	*b = batch{topicPartition: tp, first: first, next: first, rows: schema.AppendCopyHeader(rows), index: index}
}

// full reports whether b is as large as a transaction may be.
func (b *batch) full(limit int) bool {
	return len(b.rows)+b.deadBytes >= limit || len(b.dead) >= deadLettersPerBatch
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
