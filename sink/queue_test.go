package sink

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
)

// Whoever has the most left to do comes next, of equals whoever asked first; who gives up is forgotten, and what was meant for it is not lost.
func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue("only")
		ctx := t.Context()
		thing, ok := q.take(ctx, 0)
		if thing != "only" || !ok || q.wanted() || q.idle() != 0 {
			t.Fatalf("took %q, %v; wanted %v, %d idle", thing, ok, q.wanted(), q.idle())
		}
		var served []int
		impatient, giveUp := context.WithCancel(ctx)
		for i, left := range []float64{0.1, 0.5, 0, 0.5, 0.9, 0} {
			go func() { // ends when it had its thing, or gave up
				waits := ctx
				if left == 0.9 {
					waits = impatient
				}
				if thing, ok := q.take(waits, left); ok {
					served = append(served, i) // one at a time: there is one thing
					q.giveBack(thing)
				}
			}()
			synctest.Wait()
		}
		giveUp()
		synctest.Wait()
		q.giveBack(thing)
		synctest.Wait()
		if want := []int{1, 3, 0, 2, 5}; !slices.Equal(served, want) {
			t.Errorf("served %v, want %v", served, want)
		}
		if q.wanted() || q.idle() != 1 {
			t.Errorf("wanted %v, %d idle; want nobody, 1", q.wanted(), q.idle())
		}
	})
}

// What is handed over while its waiter gives up goes on to the next.
func TestQueueLosesNothing(t *testing.T) {
	t.Parallel()
	q := newQueue(1)
	for range 2000 {
		thing, _ := q.take(t.Context(), 0)
		ctx, giveUp := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if thing, ok := q.take(ctx, 0); ok {
				q.giveBack(thing)
			}
		}()
		go giveUp()
		q.giveBack(thing)
		<-ended
		if q.idle() != 1 {
			t.Fatalf("%d idle, want 1", q.idle())
		}
	}
}

// The partitions of a backfill come to their ends together, whatever their sizes: when the first small one is done, little of the large one is left.
func TestPartitionsEndTogether(t *testing.T) {
	t.Parallel()
	const small, large = 40_000, 80_000
	const fair = small // where the large one is when turns go round
	f := newFixture(t, 3)
	for partition, n := range []int{large, small, small} {
		f.sendInBatches(int32(partition), n)
	}
	cfg := f.config()
	cfg.MemoryBytes, cfg.Connections = 16<<20, 1
	sum := f.backfill(cfg)
	if sum.ThisRun != (Counts{Inserted: large + 2*small}) {
		t.Fatalf("%+v, want %d inserted", sum.ThisRun, large+2*small)
	}
	position := 0
	for _, w := range writesIn(t, f.log.String()) {
		if w.partition == 0 {
			position = w.next
		} else if w.next == small {
			break
		}
	}
	if position < fair+fair/8 {
		t.Errorf("when the first small partition was done the large one was at %d of %d, and at %d if turns went round\n%s", position, large, fair, f.log)
	}
}
