package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// chart.go: the ratios as a picture, SVG, for light and dark pages.

const (
	chartWidth = 760
	namesWidth = 290 // left of the bars
	barsWidth  = 380 // of the scale, whatever it ends with
	rowHeight  = 24
	headHeight = 74
	footHeight = 44
)

// bar is one case of the chart, or a heading.
type bar struct {
	name    string
	ratio   spread
	heading bool
}

// heading is what a part is called in the chart.
func heading(part string) string {
	switch part {
	case partGrowth:
		return "How it grows"
	case partMembers:
		return "Several sinks"
	case partWide:
		return "Many partitions"
	}
	return "sink backfill"
}

// bars returns the cases that compare, in their order, below their headings. Of topics of the first part it shows those of one size, the
// first: the tables have all.
func (r *report) bars() (bars []bar) {
	var rides int64
	part := ""
	for _, c := range r.comparisons() {
		if c.Part != part {
			part, rides = c.Part, c.Rides
			bars = append(bars, bar{name: heading(part), heading: true})
		}
		if c.Part == partBackfill && c.Rides != rides {
			continue
		}
		for _, s := range c.Sinks {
			name := fmt.Sprintf("%s, %d partitions, %s, %s", letter(c), c.Partitions, compressed(c.Codec), millions(c.Rides))
			if s.Number > 1 {
				name += fmt.Sprintf(", %d sinks", s.Number)
			}
			bars = append(bars, bar{name: name, ratio: c.ratio(s)})
		}
	}
	return bars
}

func millions(rides int64) string {
	if rides < 100_000 {
		return grouped(rides)
	}
	return fmt.Sprintf("%gM", float64(rides)/1e6)
}

// scaleEnd is the right end of the scale: a fourth more than needed at most, and 1 at least.
func scaleEnd(bars []bar) float64 {
	end := 1.0
	for _, b := range bars {
		for end < b.ratio.Most {
			end += 0.25
		}
	}
	return end
}

func (r *report) chart() []byte {
	bars := r.bars()
	end, height := scaleEnd(bars), headHeight+rowHeight*len(bars)+footHeight
	at := func(ratio float64) float64 { return namesWidth + barsWidth*ratio/end }
	bottom := headHeight + rowHeight*len(bars)
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="12">`, chartWidth, height)
	line(`<title id="title">Speed of the sink over the speed of COPY</title>`)
	line(`<desc id="desc">%s</desc>`, escaped(describe(bars)))
	line(`<style>
.text { fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d1d9e0 } .floor { stroke: #59636e; stroke-dasharray: 4 3 }
.bar { fill: #2f81c6 } .spread { stroke: #1f2328 }
@media (prefers-color-scheme: dark) {
.text { fill: #f0f6fc } .faint { fill: #9198a1 } .grid { stroke: #3d444d } .floor { stroke: #9198a1 }
.bar { fill: #3b82c4 } .spread { stroke: #f0f6fc }
}
</style>`)
	line(`<text class="text" x="16" y="26" font-size="16" font-weight="600">Speed of the sink over the speed of COPY</text>`)
	line(`<text class="faint" x="16" y="44">1 = COPY of the same rows from memory on two connections. Median; the line is least to most.</text>`)
	for tick := 0.0; tick <= end; tick += 0.25 {
		class := "grid"
		if tick == 1 {
			class = "floor"
		}
		line(`<line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, class, at(tick), headHeight-4, at(tick), bottom)
		line(`<text class="faint" x="%.1f" y="%d" text-anchor="middle">%g</text>`, at(tick), headHeight-9, tick)
	}
	for i, one := range bars {
		top := headHeight + rowHeight*i
		middle := float64(top) + rowHeight/2
		if one.heading {
			line(`<text class="text" x="16" y="%.1f" font-weight="600">%s</text>`, middle+4, escaped(one.name))
			continue
		}
		line(`<text class="text" x="%d" y="%.1f" text-anchor="end">%s</text>`, namesWidth-10, middle+4, escaped(one.name))
		line(`<rect class="bar" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, namesWidth, top+4, at(one.ratio.Median)-namesWidth, rowHeight-8)
		line(`<line class="spread" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, at(one.ratio.Least), middle, at(one.ratio.Most), middle)
		line(`<text class="text" x="%d" y="%.1f" font-weight="600">%.2f</text>`, namesWidth+barsWidth+20, middle+4, one.ratio.Median)
	}
	line(`<text class="faint" x="16" y="%d" font-size="11">%s</text>`, bottom+22,
		escaped(fmt.Sprintf("%s, %d cores; Kafka %s, PostgreSQL %s, %s; commit %s, %s", r.Processor, r.Cores, r.Kafka, r.Postgres, r.Go, r.Commit, r.Began.Format("2006-01-02"))))
	line(`</svg>`)
	return b.Bytes()
}

// describe says the chart in words, for who does not see it.
func describe(bars []bar) string {
	var all []string
	for _, b := range bars {
		if b.heading {
			continue
		}
		all = append(all, fmt.Sprintf("%s: %.2f", b.name, b.ratio.Median))
	}
	return "Bars of the sink's speed over that of COPY from memory. " + strings.Join(all, "; ") + "."
}

func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // to memory
	return b.String()
}
