package main

import (
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"ridesink/sink"
)

// progressInterval is how often progress is logged where there is no terminal to draw a bar on.
const progressInterval = 10 * time.Second

// progress shows how far a backfill is: a bar with rate and time left on a terminal, a log line every 10 s otherwise.
type progress struct {
	log   *slog.Logger
	quiet bool
	tty   *os.File // nil without a terminal

	mu     sync.Mutex
	bar    *progressbar.ProgressBar
	began  time.Time
	logged time.Time
}

func newProgress(f *os.File, log *slog.Logger, quiet bool) *progress {
	p := &progress{log: log, quiet: quiet, began: time.Now(), logged: time.Now()}
	if term.IsTerminal(int(f.Fd())) {
		p.tty = f
	}
	return p
}

// show takes the newest state.
func (p *progress) show(now sink.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quiet || now.Total == 0:
	case p.tty != nil:
		if p.bar == nil {
			p.bar = progressbar.NewOptions64(now.Total, progressbar.OptionSetWriter(p.tty), progressbar.OptionSetDescription("rides"),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("rides"),
				progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionThrottle(100*time.Millisecond))
		}
		_ = p.bar.Set64(now.Done) // a bar that cannot be drawn is no reason to stop
	case time.Since(p.logged) >= progressInterval:
		p.logged = time.Now()
		rate := float64(now.Done) / time.Since(p.began).Seconds()
		left := -1.0
		if rate > 0 {
			left = float64(now.Total-now.Done) / rate
		}
		p.log.Info("progress", "done", now.Done, "total", now.Total, "records_per_second", int64(rate), "left_seconds", left, "partitions_left", now.Partitions)
	}
}

// end leaves the terminal on a line of its own.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Exit()
		_, _ = p.tty.WriteString("\n")
	}
}
