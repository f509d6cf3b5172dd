package latency

import (
	"math"
	"slices"
	"time"
)

// spread.go: many latencies in a few numbers.

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// spread returns the nearest ranks, in milliseconds: of 100 latencies, the 99th is p99. It sorts them.
func spread(latencies []time.Duration) (p50, p90, p99, highest float64) {
	if len(latencies) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(latencies)
	rank := func(share float64) float64 {
		return milliseconds(latencies[max(0, int(math.Ceil(share*float64(len(latencies))))-1)])
	}
	return rank(0.50), rank(0.90), rank(0.99), rank(1)
}
