package schema

import (
	"runtime"
	"testing"
	"time"
)

// cost_test.go: what any record may cost. A record that hangs the decoder, or that makes much of little, would stop a whole partition.

// FuzzCost holds: a record takes no more than moments, its row is not much larger than it, and neither is what decoding it allocates.
func FuzzCost(f *testing.F) {
	for _, dialect := range Dialects() {
		for _, value := range encoded(f, dialect, sampleRides(7, 3)) {
			f.Add(value)
		}
	}
	for _, value := range oddRecords() {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		const moments = 10 * time.Second // far more than any input takes, also on a busy machine
		d := NewDecoder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		row, err := d.AppendRow(nil, anywhere, value)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if took > moments {
			t.Fatalf("%d bytes took %s", len(value), took)
		}
		if most := 8<<10 + 4*len(value); err == nil && len(row) > most {
			t.Fatalf("%d bytes became a row of %d, at most %d are wanted", len(value), len(row), most)
		}
		if allocated, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+64*len(value)); allocated > most {
			t.Fatalf("%d bytes made %d bytes of garbage, at most %d are wanted", len(value), allocated, most)
		}
	})
}
