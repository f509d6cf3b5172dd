package sink

import "sync/atomic"

// size.go: how large a transaction may be. It shrinks where a server cancels what takes long, and grows back.

const (
	// minRowsBytes is the smallest transaction that a server which cancels larger ones is sent, a record or two aside.
	minRowsBytes = 16 << 10
	// growAfter is after how many transactions in a row a size that shrank is doubled: a server that was slow for a moment costs little, one
	// that always is has one transaction in so many cancelled.
	growAfter = 32
	// slowTries is how often a transaction of the smallest size may take too long before its partition halts.
	slowTries = 8
)

// rowsLimit is the most bytes of rows and dead letters that one transaction takes. The writing stage changes it, the decoding stage reads it.
type rowsLimit struct {
	most  int // by the partition's share of the memory
	now   atomic.Int64
	since int // transactions written since the last change
}

func newRowsLimit(most int) *rowsLimit {
	l := &rowsLimit{most: most}
	l.now.Store(int64(most))
	return l
}

// bytes is the limit now.
func (l *rowsLimit) bytes() int { return int(l.now.Load()) }

// shrink halves the limit; it reports false where that is as small as it gets.
func (l *rowsLimit) shrink() bool {
	before := l.bytes()
	l.now.Store(int64(max(min(minRowsBytes, l.most), before/2)))
	l.since = 0
	return l.bytes() < before
}

// wrote notes a transaction that did not take too long.
func (l *rowsLimit) wrote() {
	if l.since++; l.since >= growAfter && l.bytes() < l.most {
		l.now.Store(int64(min(l.most, 2*l.bytes())))
		l.since = 0
	}
}
