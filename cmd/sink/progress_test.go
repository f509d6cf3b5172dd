package main

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ridesink/sink"
)

func TestProgressLine(t *testing.T) {
	t.Parallel()
	half := sink.Progress{Done: 1_234_567, Total: 2_900_000}
	for _, c := range []struct {
		scenario   string
		width      int
		now        sink.Progress
		rate, left float64
		want       string
	}{
		{"79 columns hold all", 79, half, 812_345, 2.1, " 42%  [========           ]  1,234,567 of 2,900,000, 812,345/s, 3s left"},
		{"a bar is not drawn longer than one can take in", 200, half, 812_345, 125, " 42%  [=================                       ]  1,234,567 of 2,900,000, 812,345/s, 2m5s left"},
		{"39 columns hold what one waits for", 39, half, 812_345, 125, " 42%  812,345/s, 2m5s left"},
		{"19 columns hold the time that is left", 19, half, 812_345, 7500, " 42%  2h05m left"},
		{"at the beginning nobody knows how long", 79, sink.Progress{Total: 10}, 0, -1, "  0%  [                                 ]  0 of 10, 0/s"},
		{"a rate of next to nothing is no forecast", 79, sink.Progress{Done: 1, Total: 1e12}, 0.001, 1e15, "  0%  1 of 1,000,000,000,000, 0/s"},
		{"not yet all is not 100 %", 29, sink.Progress{Done: 999_999, Total: 1_000_000}, 1, 1, " 99%  1s left"},
		{"the end", 60, sink.Progress{Done: 9, Total: 9}, 1, 0, "100%  [================]  9 of 9, 1/s, 0s left"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			got := progressLine(c.width, c.now, c.rate, c.left)
			if got != c.want || len(got) > c.width {
				t.Errorf("%d characters, at most %d:\n%q, want\n%q", len(got), c.width, got, c.want)
			}
		})
	}
}

// A screen gets a line at once, at most every tenth of a second, and at the end; a pipe gets a log line every ten seconds; who asked for quiet gets neither.
func TestProgress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario      string
		onTerminal    bool
		quiet         bool
		step          time.Duration // between the 201 states
		drawn, logged int
	}{
		{"on a terminal for 2 s", true, false, 10 * time.Millisecond, 21, 0},
		{"on a terminal for 2 s, quiet", true, true, 10 * time.Millisecond, 0, 0},
		{"in a pipe for 20 s", false, false, 100 * time.Millisecond, 0, 2},
		{"in a pipe for 20 s, quiet", false, true, 100 * time.Millisecond, 0, 0},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				columns := 80
				screen, out := tube(&columns)
				if !c.onTerminal {
					screen.draws = false
				}
				p := newProgress(screen, slog.New(slog.NewJSONHandler(screen, nil)), c.quiet)
				const states = 200
				for i := range int64(states + 1) {
					p.show(sink.Progress{Done: i, Total: states})
					<-time.After(c.step)
				}
				p.end()
				drawn, logged := strings.Count(out.String(), eraseLine), strings.Count(out.String(), `"msg":"progress"`) // each line that was drawn is erased
				if drawn != c.drawn || logged != c.logged || strings.Contains(out.String(), "100%") != (c.drawn > 0) {
					t.Errorf("drawn %d times and logged %d times, want %d and %d, in %q", drawn, logged, c.drawn, c.logged, out.String())
				}
			})
		})
	}
}
