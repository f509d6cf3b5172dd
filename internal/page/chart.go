package page

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// chart.go draws a quarter of an hour as an SVG path. Labels are HTML beside it, so that they stay readable on a phone.

const (
	chartWidth  = 900 // a second is a unit
	chartHeight = 100
)

// chart is one curve.
type chart struct {
	ID, Title, Unit string
	Now             string // the last value
	Summary         string // what a reader who does not see the curve is told
	Line, Area      string // path data; empty before there is something to draw
	Away            []band // when a server was away
	Ticks           []string
}

// band is a part of the time.
type band struct{ X, Width string }

// point is a value at a moment; what is not known ends the curve.
type point struct {
	at    time.Time
	value float64
	known bool
}

// draw makes a chart of points, oldest first.
func draw(id, title, unit string, points []point, now time.Time) chart {
	highest, lowest, last, drawn := 0.0, math.Inf(1), 0.0, false
	for _, p := range points {
		if p.known {
			highest, lowest, last, drawn = max(highest, p.value), min(lowest, p.value), p.value, true
		}
	}
	top := nice(highest)
	c := chart{ID: id, Title: title, Unit: unit, Ticks: []string{short(top), short(top / 2), "0"}, Now: "–", Summary: "Nothing was measured yet."}
	if !drawn {
		return c
	}
	c.Now = perSecond(last)
	c.Summary = fmt.Sprintf("The last 15 minutes: now %s, lowest %s, highest %s %s.", perSecond(last), perSecond(lowest), perSecond(highest), unit)
	var line, area strings.Builder
	firstX, lastX, open := 0.0, 0.0, false
	end := func() {
		if open {
			fmt.Fprintf(&area, "L%.1f %d L%.1f %d Z", lastX, chartHeight, firstX, chartHeight)
		}
		open = false
	}
	for _, p := range points {
		if !p.known {
			end()
			continue
		}
		x, y := position(p.at, now), chartHeight*(1-p.value/top)
		step := byte('L')
		if !open {
			step, firstX, open = 'M', x, true
		}
		lastX = x
		fmt.Fprintf(&line, "%c%.1f %.1f", step, x, y)
		fmt.Fprintf(&area, "%c%.1f %.1f", step, x, y)
	}
	end()
	c.Line, c.Area = line.String(), area.String()
	return c
}

// position is where a moment is from left to right.
func position(at, now time.Time) float64 {
	return min(chartWidth, max(0, chartWidth*(1-now.Sub(at).Seconds()/history.Seconds())))
}

// bands are the times at which a server was away, each at least as wide as can be seen.
func bands(list []sample, now time.Time) []band {
	var away []band
	for i := 0; i < len(list); i++ {
		if !list[i].away {
			continue
		}
		from := list[i].at
		for i+1 < len(list) && list[i+1].away {
			i++
		}
		x := position(from, now)
		away = append(away, band{X: fmt.Sprintf("%.1f", x), Width: fmt.Sprintf("%.1f", max(4, position(list[i].at, now)-x))})
	}
	return away
}

// nice is the round number at or above n that ends an axis.
func nice(n float64) float64 {
	if n <= 2 {
		return 2
	}
	power := math.Pow(10, math.Floor(math.Log10(n)))
	for _, step := range []float64{1, 2, 4, 5, 10} {
		if n <= step*power {
			return step * power
		}
	}
	return 10 * power
}
