package main

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"ridesink/sink"
)

// progress.go: how far a backfill or a verification is. On a terminal that is a line that is drawn again and again, elsewhere a log line now and then.

const (
	// progressInterval is how often progress is logged where there is no terminal to draw on.
	progressInterval = 10 * time.Second
	// redrawInterval is how often the line is drawn at most.
	redrawInterval = 100 * time.Millisecond
	// foreseeable is the longest time left that is told.
	foreseeable = 100 * 24 * time.Hour
)

// progress shows how far it is: a line with rate and time left on a terminal, a log line every 10 s otherwise.
type progress struct {
	log    *slog.Logger
	quiet  bool
	screen *terminal

	mu     sync.Mutex
	began  time.Time
	drawn  time.Time
	logged time.Time
}

func newProgress(screen *terminal, log *slog.Logger, quiet bool) *progress {
	return &progress{log: log, quiet: quiet, screen: screen, began: time.Now(), logged: time.Now()}
}

// show takes the newest state.
func (p *progress) show(now sink.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quiet || now.Total == 0:
	case p.screen.draws:
		if done := now.Done >= now.Total; done || time.Since(p.drawn) >= redrawInterval {
			p.drawn = time.Now()
			rate, left := p.pace(now)
			p.screen.draw(func(width int) string { return progressLine(width, now, rate, left) })
		}
	case time.Since(p.logged) >= progressInterval:
		p.logged = time.Now()
		rate, left := p.pace(now)
		p.log.Info("progress", "done", now.Done, "total", now.Total, "records_per_second", int64(rate), "left_seconds", left, "partitions_left", now.Partitions)
	}
}

// pace is the mean rate up to now, and how many seconds are left at that rate, -1 if nobody can tell.
func (p *progress) pace(now sink.Progress) (rate, left float64) {
	rate, left = float64(now.Done)/time.Since(p.began).Seconds(), -1
	if rate > 0 {
		left = float64(now.Total-now.Done) / rate
	}
	return rate, left
}

// end leaves nothing of the line.
func (p *progress) end() { p.screen.finish() }

// progressLine is a line of at most width characters: the share that is done, a bar if there is room for one, and as much of numbers, rate and time
// left as there is room for. What is in it does not change as numbers grow, so that nothing jumps.
func progressLine(width int, now sink.Progress, rate, left float64) string {
	const (
		narrowBar, wideBar = 10, 40
		margin             = 2 // for the ^C that a terminal shows behind the line
	)
	share := min(max(float64(now.Done)/float64(now.Total), 0), 1)
	line := fmt.Sprintf("%3.0f%%  ", math.Floor(share*100))
	total := grouped(now.Total)
	parts := []struct{ text, widest string }{
		{grouped(now.Done) + " of " + total, total + " of " + total},
		{grouped(int64(rate)) + "/s", "1,234,567/s"},
		{leftText(left), "59m59s left"},
	}
	room := func() int {
		left := width - margin - len(line) + len(", ")
		for _, part := range parts {
			left -= len(part.widest + ", ")
		}
		return left
	}
	for len(parts) > 1 && room() < 0 {
		parts = parts[1:] // the time left is what one waits for
	}
	if bar := min(room()-len("[]  "), wideBar); bar >= narrowBar {
		filled := int(share * float64(bar))
		line += "[" + strings.Repeat("=", filled) + strings.Repeat(" ", bar-filled) + "]  "
	}
	var texts []string
	for _, part := range parts {
		if part.text != "" {
			texts = append(texts, part.text)
		}
	}
	return line + strings.Join(texts, ", ")
}

// leftText prints whole seconds, and of many no more than what matters; nothing if nobody can tell.
func leftText(seconds float64) string {
	if seconds < 0 || seconds >= foreseeable.Seconds() {
		return ""
	}
	d := time.Duration(math.Ceil(seconds)) * time.Second
	if d < time.Hour {
		return d.String() + " left"
	}
	return roundly(d) + " left"
}

// grouped is a number with its thousands set apart.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
