package synthetic

// choice.go: random choice by weight in constant time (Walker's alias method). city.go has the weights.

// choice picks an index by weight.
type choice struct {
	stay  []uint32 // of 2^32, how often column i means i
	other []uint16 // and what it means otherwise
}

// newChoice prepares the choice among at most 65,536 weights, of which one is positive.
func newChoice(weights []float64) choice {
	n := len(weights)
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	c := choice{stay: make([]uint32, n), other: make([]uint16, n)}
	share := make([]float64, n)
	var small, large []int
	for i, w := range weights {
		share[i] = w * float64(n) / sum
		if share[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		c.stay[s], c.other[s] = uint32(share[s]*(1<<32-1)), uint16(l)
		if share[l] -= 1 - share[s]; share[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) { // what rounding left over
		c.stay[i], c.other[i] = 1<<32-1, uint16(i)
	}
	return c
}

// pick turns 64 random bits into an index.
func (c *choice) pick(random uint64) int {
	column := (random >> 32) * uint64(len(c.stay)) >> 32
	if uint32(random) < c.stay[column] {
		return int(column)
	}
	return int(c.other[column])
}
