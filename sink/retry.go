package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"ridesink/internal/partlog"
)

// retry.go: waiting for a server that is away. One warning when it begins, at most one every half minute, one line when it ends.

const (
	firstWait    = 50 * time.Millisecond
	longestWait  = 2 * time.Second
	outageReport = 30 * time.Second
)

// Outage is a server that this process has been waiting for.
type Outage struct {
	Server   string // postgres or kafka
	Since    time.Time
	Attempts int   // of the goroutine that has tried most often
	Err      error // the last one
}

// outages are the outages that go on now, for readiness, metrics and the status page. Safe for concurrent use.
type outages struct {
	mu   sync.Mutex
	open map[*outage]Outage // guarded by mu: as each goroutine sees it
}

func (o *outages) set(one *outage, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = map[*outage]Outage{}
	}
	o.open[one] = Outage{Server: one.what, Since: one.since, Attempts: one.attempts, Err: err}
}

func (o *outages) remove(one *outage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, one)
}

// now returns one outage for each server that is away, in the order of their names, since the first goroutine noticed it.
func (o *outages) now() []Outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	servers := map[string]Outage{}
	for _, one := range o.open {
		if seen, known := servers[one.Server]; known {
			if seen.Since.Before(one.Since) {
				one.Since = seen.Since
			}
			if seen.Attempts > one.Attempts {
				one.Attempts, one.Err = seen.Attempts, seen.Err
			}
		}
		servers[one.Server] = one
	}
	var away []Outage
	for _, server := range slices.Sorted(maps.Keys(servers)) {
		away = append(away, servers[server])
	}
	return away
}

// err says which servers are away, nil if none is.
func (o *outages) err() error {
	var away []error
	for _, one := range o.now() {
		away = append(away, fmt.Errorf("%s is away: %w", one.Server, one.Err))
	}
	return errors.Join(away...)
}

// outage is one server's trouble as one goroutine sees it. Whoever makes one defers forget.
type outage struct {
	what     string // postgres or kafka
	log      *slog.Logger
	all      *outages // where it is listed while it goes on
	since    time.Time
	reported time.Time
	attempts int
}

// outage returns an outage that has not begun.
func (s *Sink) outage(what string, log *slog.Logger) *outage {
	return &outage{what: what, log: log, all: &s.outages}
}

// failed notes an attempt and returns how long to wait before the next: exponential from firstWait to longestWait, with jitter, so that members
// that lost the same server do not come back at once.
func (o *outage) failed(ctx context.Context, err error) time.Duration {
	now := time.Now()
	if o.attempts == 0 {
		o.since = now
	}
	wait := longestWait
	if o.attempts < 6 {
		wait = min(longestWait, firstWait<<o.attempts)
	}
	wait = wait/2 + rand.N(wait/2+1)
	o.attempts++
	if o.attempts > 1 {
		o.all.set(o, err)
	}
	// The first failure alone is often a rebalance or a restart that the next attempt does not see: it is logged at debug.
	if o.attempts > 1 && now.Sub(o.reported) >= outageReport {
		o.reported = now
		o.log.WarnContext(ctx, "outage", "what", o.what, "attempt", o.attempts, "next_try_seconds", wait.Seconds(), "err", err)
	} else {
		o.log.DebugContext(ctx, "attempt failed", "what", o.what, "attempt", o.attempts, "err", err)
	}
	return wait
}

// ended notes a success.
func (o *outage) ended(ctx context.Context) {
	if !o.reported.IsZero() {
		o.log.InfoContext(ctx, "recovered", "what", o.what, "outage_seconds", time.Since(o.since).Seconds(), "attempts", o.attempts)
	}
	o.forget()
	o.since, o.reported, o.attempts = time.Time{}, time.Time{}, 0
}

// forget ends it without a word: nobody tries any more.
func (o *outage) forget() { o.all.remove(o) }

// sleep waits for d or until ctx ends. It is for pacing, never for waiting on a condition.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// persist calls attempt until it succeeds, fails in a way that waiting does not mend, or ctx ends. what names the server.
func (s *Sink) persist(ctx context.Context, what string, attempt func(context.Context) error) error {
	trouble := s.outage(what, s.log)
	defer trouble.forget()
	for {
		err := attempt(ctx)
		if err == nil {
			trouble.ended(ctx)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if classify(err) != retry && !partlog.Retriable(err) {
			return err
		}
		sleep(ctx, trouble.failed(ctx, err))
	}
}
