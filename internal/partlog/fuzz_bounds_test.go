package partlog

import (
	"runtime"
	"testing"
	"time"
)

// fuzz_bounds_test.go: what any input of a fuzz target may cost. A panic fails a target by itself; a hang or a bomb would not.

const (
	boundTime  = 10 * time.Second // far more than any input takes, also on a busy machine
	boundFixed = 24 << 20         // what decoders take however small the input is
)

// bounded calls do and fails the test if it took too long, or allocated more than an input of so many bytes, opened into at most limit bytes,
// may cost.
func bounded(t *testing.T, input, limit int, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	do()
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if took > boundTime {
		t.Fatalf("%d bytes took %s", input, took)
	}
	if allocated, most := after.TotalAlloc-before.TotalAlloc, uint64(boundFixed+64*(input+limit)); allocated > most {
		t.Fatalf("%d bytes made %d bytes of garbage, at most %d are wanted", input, allocated, most)
	}
}
