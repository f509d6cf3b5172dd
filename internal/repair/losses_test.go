package repair

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Ranges hold what was put into them, each offset once, in order and apart.
func TestRanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r ranges
		in := map[int64]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "ranges") {
			first := rapid.Int64Range(0, 60).Draw(t, "first")
			next := first + rapid.Int64Range(-1, 9).Draw(t, "length")
			r = r.with(offsets{first, next})
			for o := first; o < next; o++ {
				in[o] = true
			}
		}
		end := rapid.Int64Range(0, 70).Draw(t, "end")
		for _, kept := range []ranges{r, r.below(end)} {
			if !slices.IsSortedFunc(kept, func(a, b offsets) int { return int(a.next - b.first) }) {
				t.Fatalf("%v are not apart", kept)
			}
		}
		for o := range int64(70) {
			want := int64(0)
			if in[o] {
				want = 1
			}
			if got := r.within(o, o+1); got != want {
				t.Fatalf("%d of offset %d are in %v, want %d", got, o, r, want)
			}
			if o >= end {
				want = 0
			}
			if got := r.below(end).within(o, o+1); got != want {
				t.Fatalf("%d of offset %d are in %v below %d, want %d", got, o, r, end, want)
			}
		}
	})
}

// Events are replayed in their order: a loss is lost until it is read again.
func TestReplay(t *testing.T) {
	t.Parallel()
	at := func(n int64) *int64 { return &n }
	var lost ranges
	for _, step := range []struct {
		scenario, event string
		offsets         offsets
		details         details
		want            ranges
	}{
		{"retention took some", eventLoss, offsets{10, 20}, details{}, ranges{{10, 20}}},
		{"a forward reset passed over more", eventReset, offsets{20, 30}, details{From: at(20), To: at(30)}, ranges{{10, 20}}},
		{"which is an event of its own", eventLoss, offsets{20, 30}, details{}, ranges{{10, 30}}},
		{"dead letters were dropped", eventDropped, offsets{40, 50}, details{Dropped: ranges{{40, 41}, {45, 47}}}, ranges{{10, 30}, {40, 41}, {45, 47}}},
		{"a backward reset reads some of them again", eventReset, offsets{25, 60}, details{From: at(60), To: at(25)}, ranges{{10, 25}}},
		{"the topic was made again", eventRecreated, offsets{}, details{}, nil},
	} {
		lost = replay(lost, step.event, step.offsets, step.details)
		if !slices.Equal(lost, step.want) {
			t.Errorf("%s: %v are lost, want %v", step.scenario, lost, step.want)
		}
	}
}
