package main

import "slices"

// statistics.go: the middle and the ends of a few numbers.

// spread is the median, the least and the most of some runs.
type spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

// spreadOf returns zeros for no numbers.
func spreadOf(numbers []float64) spread {
	if len(numbers) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(numbers))
	half := len(sorted) / 2
	return spread{Median: (sorted[half] + sorted[(len(sorted)-1)/2]) / 2, Least: sorted[0], Most: sorted[len(sorted)-1]}
}
