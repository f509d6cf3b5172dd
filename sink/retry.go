package sink

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"ridesink/internal/partlog"
)

// retry.go: waiting for a server that is away. One warning when it begins, at most one every half minute, one line when it ends.

const (
	firstWait    = 50 * time.Millisecond
	longestWait  = 2 * time.Second
	outageReport = 30 * time.Second
)

// outage is one server's trouble as one goroutine sees it. The zero value with what and log set is ready.
type outage struct {
	what     string // postgres or kafka
	log      *slog.Logger
	since    time.Time
	reported time.Time
	attempts int
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
	wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter need not be secret
	o.attempts++
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
	*o = outage{what: o.what, log: o.log}
}

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
	trouble := outage{what: what, log: s.log}
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
