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
	"ridesink/internal/servers"
)

// retry.go: waiting for a server that is away. One warning when it begins, at most one every half minute, one line when it ends, however many
// partitions wait for it.

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

// outages are the outages that go on now, for readiness, metrics, the status page and the log. Safe for concurrent use.
type outages struct {
	mu sync.Mutex
	// guarded by mu:
	open     map[*outage]Outage   // as each goroutine sees it
	reported map[string]time.Time // when the log was last told of a server that is away
}

// set notes what a goroutine sees. It returns how many wait for the same server, and whether the log must be told of it.
func (o *outages) set(one *outage, err error) (waiting int, report bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open, o.reported = map[*outage]Outage{}, map[string]time.Time{}
	}
	o.open[one] = Outage{Server: one.what, Since: one.since, Attempts: one.attempts, Err: err}
	for _, other := range o.open {
		if other.Server == one.what {
			waiting++
		}
	}
	if report = time.Since(o.reported[one.what]) >= outageReport; report {
		o.reported[one.what] = time.Now()
	}
	return waiting, report
}

// remove takes back what a goroutine saw. It returns whether that was the last that the log was told of the server.
func (o *outages) remove(one *outage) (last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, waited := o.open[one]; !waited {
		return false
	}
	delete(o.open, one)
	for _, other := range o.open {
		if other.Server == one.what {
			return false
		}
	}
	_, told := o.reported[one.what]
	delete(o.reported, one.what)
	return told
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
	attempts int
}

// outage returns an outage that has not begun.
func (s *Sink) outage(what string) *outage {
	return &outage{what: what, log: s.log, all: &s.outages}
}

// failed notes an attempt and returns how long to wait before the next: exponential from firstWait to longestWait, with jitter, so that members
// that lost the same server do not come back at once.
func (o *outage) failed(ctx context.Context, err error) time.Duration {
	if o.attempts == 0 {
		o.since = time.Now()
	}
	wait := longestWait
	if o.attempts < 6 {
		wait = min(longestWait, firstWait<<o.attempts)
	}
	wait = wait/2 + rand.N(wait/2+1)
	o.attempts++
	// The first failure alone is often a rebalance or a restart that the next attempt does not see: it is logged at debug.
	if o.attempts > 1 {
		if waiting, report := o.all.set(o, err); report {
			o.log.WarnContext(ctx, "outage", "what", o.what, "attempt", o.attempts, "waiting", waiting, "next_try_seconds", wait.Seconds(), "err", err)
			return wait
		}
	}
	o.log.DebugContext(ctx, "attempt failed", "what", o.what, "attempt", o.attempts, "err", err)
	return wait
}

// ended notes a success. The log is told when nobody waits for the server any more.
func (o *outage) ended(ctx context.Context) {
	if o.all.remove(o) {
		o.log.InfoContext(ctx, "recovered", "what", o.what, "outage_seconds", time.Since(o.since).Seconds(), "attempts", o.attempts)
	}
	o.since, o.attempts = time.Time{}, 0
}

// forget ends it without a word: nobody tries any more.
func (o *outage) forget() { o.all.remove(o) }

// sleep waits for d or until ctx ends, which the caller asks.
func sleep(ctx context.Context, d time.Duration) { _ = servers.Pause(ctx, d) }

// persist calls attempt until it succeeds, fails in a way that waiting does not mend, or ctx ends. what names the server.
func (s *Sink) persist(ctx context.Context, what string, attempt func(context.Context) error) error {
	trouble := s.outage(what)
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
		if classify(err) != retry && !mendable(err) {
			return err
		}
		sleep(ctx, trouble.failed(ctx, err))
	}
}

// mendable reports whether waiting may mend what brokers answered to a sink that runs: also that it is not allowed what it was allowed at the start.
func mendable(err error) bool {
	return partlog.Retriable(err) || errors.Is(err, partlog.ErrNotAuthorized)
}
