package servers

import (
	"context"
	"time"
)

// pause.go: the time between two questions to a server.

// Pause returns nil after d, at once if d is not above 0; why ctx ended, if it ends before. It is for pacing, never for waiting on a condition.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
