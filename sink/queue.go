package sink

import (
	"context"
	"slices"
	"sync"
)

// queue.go: who comes next, of those that wait for a connection or a turn.

// queue hands out what there is too little of: to whoever has the most left to do, and of equals to whoever has waited longest. Safe for
// concurrent use.
type queue[T any] struct {
	mu      sync.Mutex
	free    []T
	waiting []*waiter[T]
}

// waiter is one that waits.
type waiter[T any] struct {
	left float64
	got  chan T // has room for one
}

func newQueue[T any](things ...T) *queue[T] { return &queue[T]{free: things} }

// take waits for one of the things. ok is false if ctx ends before. left is how much is left to do; it is compared with what the others say.
func (q *queue[T]) take(ctx context.Context, left float64) (thing T, ok bool) {
	q.mu.Lock()
	if n := len(q.free); n > 0 && ctx.Err() == nil {
		thing, q.free = q.free[n-1], q.free[:n-1]
		q.mu.Unlock()
		return thing, true
	}
	w := &waiter[T]{left: left, got: make(chan T, 1)}
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	select {
	case thing = <-w.got:
		return thing, true
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(q.waiting, w)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	q.mu.Unlock()
	if i < 0 { // it came at the same moment
		q.giveBack(<-w.got)
	}
	return thing, false
}

// giveBack hands a thing to whoever comes next.
func (q *queue[T]) giveBack(thing T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.free = append(q.free, thing)
		return
	}
	next := 0
	for i, w := range q.waiting {
		if w.left > q.waiting[next].left {
			next = i
		}
	}
	q.waiting[next].got <- thing
	q.waiting = slices.Delete(q.waiting, next, next+1)
}

// wanted reports whether somebody waits.
func (q *queue[T]) wanted() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) > 0
}

// idle is how many things nobody has.
func (q *queue[T]) idle() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.free)
}
