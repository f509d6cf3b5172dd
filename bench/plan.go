package main

import (
	"fmt"
	"slices"
	"time"

	"ridesink/bench/latency"
	"ridesink/schema"
)

// plan.go: which cases there are, and how long they take.

// shape is what a topic looks like.
type shape struct {
	Dialect    schema.Dialect `json:"dialect"`
	Partitions int            `json:"partitions"`
	Codec      string         `json:"codec"`
	Rides      int64          `json:"rides"`
}

func (s shape) String() string {
	return fmt.Sprintf("%s, %d partitions, %s, %s", s.Dialect, s.Partitions, s.Codec, grouped(s.Rides))
}

// task is a topic, and what is measured with it.
type task struct {
	part  string
	shape shape
	// floors are the numbers of connections that COPY is measured with, and members the numbers of sinks; they take turns.
	floors, members []int
	stages          bool
	columns, tune   bool
}

// plan is all cases, the most telling first.
type plan struct {
	cases   []task
	runs    int
	latency *latency.Options // nil: not measured
}

// newPlan combines what the flags list. The first of each list together are the headline.
func newPlan(o options) plan {
	p := plan{runs: o.runs}
	first := shape{Dialect: o.dialects[0], Partitions: o.partitions[0], Codec: o.codecs[0], Rides: o.rides[0]}
	wants := func(part string) bool { return slices.Contains(o.parts, part) }
	one := []int{1}
	if wants(partBackfill) {
		for _, s := range o.shapes() {
			p.cases = append(p.cases, task{part: partBackfill, shape: s, floors: []int{2}, members: one})
		}
	}
	if wants(partFloor) {
		for _, rides := range o.rides {
			s := first
			s.Rides = rides
			p.cases = append(p.cases, task{part: partFloor, shape: s, floors: []int{1, 2, 4}})
		}
	}
	if wants(partStages) {
		for _, codec := range o.codecs {
			for _, dialect := range o.dialects {
				s := first
				s.Dialect, s.Codec, s.Rides = dialect, codec, min(first.Rides, heldRides)
				p.cases = append(p.cases, task{part: partStages, shape: s, stages: true, floors: one})
			}
		}
	}
	if wants(partGrowth) {
		for _, rides := range o.growth {
			s := first
			s.Rides = rides
			p.cases = append(p.cases, task{part: partGrowth, shape: s, floors: []int{2}, members: one})
		}
	}
	if wants(partMembers) {
		p.cases = append(p.cases, task{part: partMembers, shape: first, floors: []int{2}, members: o.members})
	}
	if wants(partColumns) {
		s := first
		s.Rides = min(first.Rides, columnRides)
		p.cases = append(p.cases, task{part: partColumns, shape: s, columns: true})
	}
	if wants(partSettings) {
		p.cases = append(p.cases, task{part: partSettings, shape: first, tune: true})
	}
	if wants(partLatency) {
		p.latency = &o.latency
	}
	if wants(partWide) {
		s := first
		s.Partitions, s.Rides = o.wide, o.wideRides
		p.cases = append(p.cases, task{part: partWide, shape: s, floors: []int{2}, members: one})
	}
	return p
}

// shapes are the topics of the backfills: the first of each list, and then one thing changed at a time; or each with each.
func (o options) shapes() (all []shape) {
	for _, rides := range o.rides {
		for d, dialect := range o.dialects {
			for p, partitions := range o.partitions {
				for c, codec := range o.codecs {
					if changed := min(d, 1) + min(p, 1) + min(c, 1); changed <= 1 || o.all {
						all = append(all, shape{dialect, partitions, codec, rides})
					}
				}
			}
		}
	}
	return all
}

// estimate guesses, from a machine of two cores, how long all takes.
func (p plan) estimate() time.Duration {
	const producing, copying, moving, counting = 250_000, 700_000, 500_000, 2_000_000 // rides a second
	var seconds float64
	for _, c := range p.cases {
		rides := float64(c.shape.Rides)
		seconds += 3 + rides/producing + min(rides, heldRides)/moving
		once := float64(len(c.floors))*(1+rides/copying+rides/counting) + float64(len(c.members))*(2+rides/moving+rides/counting)
		if c.stages {
			once += 3 * rides / copying
		}
		if c.columns {
			once += float64(len(tableVariants())) * (1 + rides/(copying/2))
		}
		if c.tune {
			once += float64(len(tunings())) * (2 + rides/moving + rides/counting)
		}
		seconds += once * float64(p.runs)
	}
	if l := p.latency; l != nil {
		each := 2*(l.Warmup+l.Duration).Seconds() + 5 // with the sink, and without
		seconds += each*float64(p.runs*len(l.Cases)) + each
	}
	return time.Duration(seconds * float64(time.Second))
}
