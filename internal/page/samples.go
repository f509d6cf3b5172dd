package page

import (
	"cmp"
	"slices"
	"time"
)

// samples.go: what was, a quarter of an hour back, in memory of fixed size. chart.go draws it.

const (
	sampleEvery = 5 * time.Second
	history     = 15 * time.Minute
	sampleCount = int(history/sampleEvery) + 1
	rateSpan    = 3 // samples over which a rate is taken
)

// sample is one moment of the past.
type sample struct {
	at    time.Time
	rate  float64 // records per second since the sample before
	known bool    // whether there was one
	lag   int64
	away  bool // a server did not answer
}

// samples is a ring. The zero value is empty. Its owner guards it.
type samples struct {
	ring  [sampleCount]sample
	next  int
	n     int
	marks [rateSpan + 1]mark // the last few, newest first
}

// mark is what had been moved at one moment.
type mark struct {
	at    time.Time
	total int64
	moved map[place]int64
}

type place struct {
	topic     string
	partition int32
}

// add notes a moment.
func (s *samples) add(at time.Time, now Now) {
	before := s.marks[0]
	oldest := s.marks[rateSpan]
	copy(s.marks[1:], s.marks[:rateSpan])
	moved := oldest.moved // its map is used again
	if moved == nil {
		moved = map[place]int64{}
	}
	clear(moved)
	one := sample{at: at, away: len(now.Outages) > 0}
	for _, p := range now.Partitions {
		moved[place{p.Topic, p.Partition}] = p.Moved
		if lag, known := p.lag(); known {
			one.lag += lag
		}
	}
	s.marks[0] = mark{at: at, total: now.Moved.Records(), moved: moved}
	if seconds := at.Sub(before.at).Seconds(); !before.at.IsZero() && seconds > 0 {
		one.rate, one.known = max(0, float64(s.marks[0].total-before.total)/seconds), true
	}
	s.ring[s.next] = one
	s.next = (s.next + 1) % len(s.ring)
	s.n = min(s.n+1, len(s.ring))
}

// since returns the samples from then on, oldest first.
func (s *samples) since(then time.Time) []sample {
	list := make([]sample, 0, s.n)
	for i := range s.n {
		if one := s.ring[(s.next-s.n+i+len(s.ring))%len(s.ring)]; !one.at.Before(then) {
			list = append(list, one)
		}
	}
	return list
}

// rate is how many records per second were moved in the last few samples; unknown before the second.
func (s *samples) rate() (float64, bool) {
	return s.over(func(m mark) (int64, bool) { return m.total, true })
}

// rateOf is rate of one partition; unknown until it was owned for two samples.
func (s *samples) rateOf(p place) (float64, bool) {
	return s.over(func(m mark) (int64, bool) { moved, owned := m.moved[p]; return moved, owned })
}

func (s *samples) over(count func(mark) (int64, bool)) (float64, bool) {
	newest, known := count(s.marks[0])
	if s.marks[0].at.IsZero() || !known {
		return 0, false
	}
	for i := rateSpan; i > 0; i-- {
		m := s.marks[i]
		if m.at.IsZero() {
			continue
		}
		if then, known := count(m); known && s.marks[0].at.After(m.at) {
			return max(0, float64(newest-then)/s.marks[0].at.Sub(m.at).Seconds()), true
		}
	}
	return 0, false
}

// sorted puts halted partitions first, then all in the order of topic and number.
func sorted(list []Partition) []Partition {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Partition) int {
		return cmp.Or(-compareBool(a.Halted != "", b.Halted != ""), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return list
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
