package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// tube is a terminal of some columns, without a screen behind it.
func tube(columns *int) (*terminal, *bytes.Buffer) {
	var out bytes.Buffer
	return &terminal{out: &out, width: func() int { return *columns }, draws: true}, &out
}

func steady(text string) func(int) string { return func(int) string { return text } }

func TestTerminal(t *testing.T) {
	t.Parallel()
	const cleared = "\r\x1b[K"
	for _, c := range []struct {
		scenario string
		play     func(screen *terminal, columns *int)
		want     string
	}{
		{"a log line stands above the progress, which is drawn again", func(s *terminal, _ *int) {
			s.draw(steady("10%"))
			fmt.Fprint(s, "a log line\n")
		}, "10%" + cleared + "a log line\n10%"},
		{"the next state takes the place of the one before", func(s *terminal, _ *int) {
			s.draw(steady("10%"))
			s.draw(steady("9%"))
		}, "10%" + cleared + "9%"},
		{"without progress a log line is all there is", func(s *terminal, _ *int) { fmt.Fprint(s, "a log line\n") }, "a log line\n"},
		{"the line leaves the last column empty", func(s *terminal, _ *int) { s.draw(steady("0123456789")) }, "012345678"},
		{"characters are counted, not bytes", func(s *terminal, _ *int) { s.draw(steady("äöüäöüäöüäöü")) }, "äöüäöüäöü"},
		{"the width is asked for at each draw", func(s *terminal, columns *int) {
			line := func(width int) string { return strings.Repeat("=", width) }
			s.draw(line)
			*columns = 5
			fmt.Fprint(s, "x\n")
			*columns = 0
			s.draw(line)
		}, "=========" + cleared + "x\n====" + cleared},
		{"a question is not drawn over", func(s *terminal, _ *int) {
			s.draw(steady("10%"))
			fmt.Fprint(s, "yes? ")
			s.draw(steady("20%"))
			fmt.Fprint(s, "\n")
		}, "10%" + cleared + "yes? \n20%"},
		{"at the end nothing of it is left, and nothing comes back", func(s *terminal, _ *int) {
			s.draw(steady("99%"))
			s.finish()
			s.draw(steady("100%"))
			fmt.Fprint(s, "sink: done\n")
		}, "99%" + cleared + "sink: done\n"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			columns := 10
			screen, out := tube(&columns)
			c.play(screen, &columns)
			if out.String() != c.want {
				t.Errorf("printed %q, want %q", out.String(), c.want)
			}
		})
	}
}

// A pipe gets what is written to it, and nothing is drawn.
func TestTerminalThatIsNone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	screen := newTerminal(&out)
	screen.draw(steady("10%"))
	fmt.Fprint(screen, "a log line\n")
	screen.finish()
	if out.String() != "a log line\n" || screen.draws || screen.columns() != 0 {
		t.Errorf("printed %q", out.String())
	}
}

// Lines of many goroutines stay whole while progress is drawn.
func TestTerminalIsShared(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 50
	columns := 40
	screen, out := tube(&columns)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				screen.draw(steady(strings.Repeat("=", i)))
				fmt.Fprintf(screen, "line %d of writer %d\n", i, w)
			}
		})
	}
	all.Wait()
	screen.finish()
	text, lines := out.String(), 0
	for line := range strings.Lines(text) {
		if at := strings.LastIndex(line, eraseLine); at >= 0 {
			line = line[at+len(eraseLine):]
		}
		var i, w int
		if _, err := fmt.Sscanf(line, "line %d of writer %d\n", &i, &w); err == nil && line == fmt.Sprintf("line %d of writer %d\n", i, w) {
			lines++
		}
	}
	if lines != writers*each {
		t.Errorf("%d whole lines, want %d, in %q", lines, writers*each, text)
	}
}
