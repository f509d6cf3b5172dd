package sink

import (
	"context"
	"time"

	"ridesink/internal/partlog"
)

// turn.go: who may use how much memory. A partition that keeps up needs little, and there can be hundreds of them; one that is behind is moved
// fastest in large pieces, and more than a few at once gain nothing. So each has a small share of its own, and those that are behind take turns
// with a few large ones. Before it pipeline.go.

const (
	// minShareBytes is the smallest share. A batch of the log that needs more takes a turn.
	minShareBytes = minFetchBytes
	// mostShareBytes is the largest share of a partition's own: what 20,000 rides/s in one partition bring in 25 ms or so.
	mostShareBytes = 256 << 10
	// mostTurnBytes is the largest share of a turn, mostRowsBytes the most rows of one: docs/performance.md has what other sizes cost.
	mostTurnBytes = 4 << 20
	mostRowsBytes = 6 << 20
	// buffersAhead is how many responses, and how many batches, a pipeline works on at once: one being read, one being written.
	buffersAhead = 2
	// buffersPerShare is what a share's memory is divided by: responses, decompressed batches and rows, buffersAhead of each.
	buffersPerShare = 3 * buffersAhead
	// turnsAhead is how many more turns there are than connections, so that there is always something to write: medians of 802,000 rides/s with two
	// more and 714,000 with one more (four partitions, two connections, two cores).
	turnsAhead = 2
	// responsesPerTurn is after how many responses a turn goes to the next partition that waits for one. Each change costs the time in which
	// nothing is read ahead.
	responsesPerTurn = 16
	// turnPatience is how long a partition waits for a turn before it goes on in small steps: a turn may be held by one whose rows in
	// PostgreSQL are locked.
	turnPatience = 10 * time.Second
)

// share is memory to read and write with. One pipeline at a time uses it.
type share struct {
	bytes     int                   // the most of a response, and of a decompressed batch
	rows      int                   // the most of the rows of a transaction
	turn      bool                  // it is given back when the partition has caught up or has trouble
	once      bool                  // it is for one response
	responses chan *partlog.Fetched // free ones
	batches   chan *batch           // free ones
}

func newShare(bytes, rows int) *share {
	return &share{bytes: bytes, rows: rows, responses: make(chan *partlog.Fetched, buffersAhead), batches: make(chan *batch, buffersAhead)}
}

// refill makes what is missing: at first everything, later what a pipeline that failed has left behind. Nothing has memory before it is used.
func (s *share) refill() {
	for len(s.responses) < buffersAhead {
		s.responses <- new(partlog.Fetched)
	}
	for len(s.batches) < buffersAhead {
		s.batches <- new(batch)
	}
}

// turns are the large shares of a generation. Safe for concurrent use.
type turns struct {
	bytes int // of each, as the two of a share
	rows  int
	count int
	free  *queue[*share]
}

// shareOut divides memory among partitions that are written over so many connections: three quarters for turns, the rest for the partitions
// themselves; what few partitions leave of that is for the rows of turns. Beyond 341 partitions of 128 MiB the smallest shares need more than
// there is. No share is above most, the largest batch that is read at all.
func shareOut(memory, most, partitions, connections int) (own int, large *turns) {
	partitions = max(1, partitions)
	own = min(most, mostShareBytes, max(minShareBytes, memory/4/(buffersPerShare*partitions)))
	count := min(partitions, connections+turnsAhead)
	large = &turns{bytes: min(most, mostTurnBytes, max(own, memory*3/4/(buffersPerShare*count))), count: count, free: newQueue[*share]()}
	left := memory - buffersPerShare*own*partitions
	large.rows = max(large.bytes, min(mostRowsBytes, left/(buffersAhead*count)-2*large.bytes))
	for range count {
		s := newShare(large.bytes, large.rows)
		s.turn = true
		large.free.giveBack(s)
	}
	return own, large
}

// take waits for a turn, with so much left to do; nil if there is none within turnPatience, or if ctx ends.
func (t *turns) take(ctx context.Context, left float64) *share {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	s, _ := t.free.take(ctx, left)
	return s
}

// giveBack lets the next partition have a turn.
func (t *turns) giveBack(s *share) { t.free.giveBack(s) }

// wanted reports whether a partition waits for a turn.
func (t *turns) wanted() bool { return t.free.wanted() }

// busy is how many turns are somebody's.
func (t *turns) busy() int { return t.count - t.free.idle() }
