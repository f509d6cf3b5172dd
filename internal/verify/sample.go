package verify

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"ridesink/internal/servers"
)

// sample.go: which offsets are looked at. The same question is answered here and, as a condition, by PostgreSQL.

// Place names one partition of one topic.
type Place = servers.Place

// ParseShare reads a share of all offsets: 1%, 0.5%, or 0.01.
func ParseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	share, err := strconv.ParseFloat(number, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) {
		return 0, fmt.Errorf("%q is no share: write it as 1%%, or 0.01", s)
	}
	return share, nil
}

// errEmptySample says that there was nothing to prove anything by.
var errEmptySample = errors.New("no offset falls into what was asked for: name other bounds")

const (
	// blockOffsets is how many offsets in a row are taken or left together: within a block, missing and doubled records are still found.
	blockOffsets = 1024
	// modulus is the prime of the hash that chooses blocks.
	modulus = 1_000_003
)

// selection is what is looked at.
type selection struct {
	places    []Place // nil for all
	from, to  int64   // half-open; to is -1 for no bound
	threshold int64   // blocks whose hash is below are taken; modulus for all
	a, b, c   int64   // of the hash
}

func newSelection(c Config) *selection {
	random := rand.New(rand.NewPCG(c.Seed, 0))
	s := &selection{
		places: c.Partitions, from: c.From, to: c.To, threshold: modulus,
		a: 1 + random.Int64N(modulus-1), b: 1 + random.Int64N(modulus-1), c: random.Int64N(modulus),
	}
	if c.Share > 0 && c.Share < 1 {
		s.threshold = max(1, int64(c.Share*modulus))
	}
	return s
}

// sampled reports whether blocks are left out.
func (s *selection) sampled() bool { return s.threshold < modulus }

// bounded reports whether offsets are left out at all.
func (s *selection) bounded() bool { return s.sampled() || s.from > 0 || s.to >= 0 }

// place reports whether a partition is looked at.
func (s *selection) place(p Place) bool {
	return len(s.places) == 0 || slices.ContainsFunc(s.places, func(asked Place) bool {
		return asked.Partition == p.Partition && (asked.Topic == "" || asked.Topic == p.Topic)
	})
}

// block reports whether the block of an offset is taken.
func (s *selection) block(partition int32, offset int64) bool {
	if !s.sampled() {
		return true
	}
	return s.hash(partition, offset) < s.threshold
}

// hash is what decides on the block of an offset.
func (s *selection) hash(partition int32, offset int64) int64 {
	return (offset/blockOffsets%modulus*s.a + int64(partition)*s.b + s.c) % modulus
}

// least returns the threshold from which on a block of [first, next) is taken, modulus if the bounds leave none.
func (s *selection) least(partition int32, first, next int64) int64 {
	all := *s
	all.threshold = modulus
	r := all.within(partition, first, next)
	threshold := int64(modulus)
	for offset := r.first; offset < r.next; offset = (offset/blockOffsets + 1) * blockOffsets {
		threshold = min(threshold, s.hash(partition, offset)+1)
	}
	return threshold
}

// has reports whether an offset is looked at.
func (s *selection) has(partition int32, offset int64) bool {
	return offset >= s.from && (s.to < 0 || offset < s.to) && s.block(partition, offset)
}

// condition is has and place in SQL.
func (s *selection) condition(topic string) string {
	var b strings.Builder
	if len(s.places) > 0 {
		var numbers []string
		for _, p := range s.places {
			if p.Topic == "" || p.Topic == topic {
				numbers = append(numbers, strconv.Itoa(int(p.Partition)))
			}
		}
		if len(numbers) == 0 {
			return " AND false"
		}
		fmt.Fprintf(&b, " AND kafka_partition IN (%s)", strings.Join(numbers, ", "))
	}
	if s.from > 0 {
		fmt.Fprintf(&b, " AND kafka_offset >= %d", s.from)
	}
	if s.to >= 0 {
		fmt.Fprintf(&b, " AND kafka_offset < %d", s.to)
	}
	if s.sampled() {
		fmt.Fprintf(&b, " AND (kafka_offset / %d %% %d * %d + kafka_partition::bigint * %d + %d) %% %d < %d",
			blockOffsets, modulus, s.a, s.b, s.c, modulus, s.threshold)
	}
	return b.String()
}

// offsets is a half-open range.
type offsets struct{ first, next int64 }

// within returns the next range to look at in [first, next) of a partition: a run of blocks that are taken. It is empty at the end.
func (s *selection) within(partition int32, first, next int64) offsets {
	first = max(first, s.from)
	if s.to >= 0 {
		next = min(next, s.to)
	}
	blockEnd := func(offset int64) int64 { return (offset/blockOffsets + 1) * blockOffsets }
	for first < next && !s.block(partition, first) {
		first = blockEnd(first)
	}
	if first >= next {
		return offsets{next, next}
	}
	if !s.sampled() {
		return offsets{first, next}
	}
	end := first
	for end < next && s.block(partition, end) {
		end = blockEnd(end)
	}
	return offsets{first, min(end, next)}
}

// count is how many offsets of [first, next) are looked at.
func (s *selection) count(partition int32, first, next int64) (n int64) {
	for {
		r := s.within(partition, first, next)
		if r.first >= r.next {
			return n
		}
		n += r.next - r.first
		first = r.next
	}
}
