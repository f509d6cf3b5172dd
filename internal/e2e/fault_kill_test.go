package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// fault_kill_test.go: kill -9 of the sink, at random times and at each place between two instructions where it could matter.

// TestFaultKill holds: a backfill killed at any time stores nothing twice and loses nothing.
func TestFaultKill(t *testing.T) {
	t.Parallel()
	playCases(t, rowKill, cases(60, 3000), 2, func(c *trial) func() time.Duration {
		c.feed(100)
		within, played := c.complete(), 0 // of its start a life is killed
		return func() time.Duration {
			for { // until one was killed before it was done
				c.feed(20 + c.dice.IntN(200))
				c.nextLife()
				p := c.backfill("--memory-bytes=1048576")
				timer := time.NewTimer(time.Duration(c.dice.Int64N(int64(within))))
				select {
				case <-timer.C:
				case <-p.exited:
				}
				p.kill()
				if p.code == -1 {
					break
				}
				within = within * 3 / 4 // the machine was busier when the first was measured
			}
			within += within / 10
			played++
			return c.completeSometimes(played)
		}
	})
}

// TestFaultKillAtPoint holds the same for a backfill killed between two instructions, with one partition or the other there first.
func TestFaultKillAtPoint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		row     faultRow
		point   string
		reached int // how often each life gets there at least
	}{
		{rowKillAfterCopy, "afterCopy", 2},
		{rowKillAfterAdvance, "afterAdvance", 2},
		{rowKillAfterEnd, "afterEnd", 2},
		{rowKillBeforeCommit, "beforeCommit", 1},
		{rowKillAfterCommit, "afterCommit", 1},
	} {
		t.Run(test.point, func(t *testing.T) {
			t.Parallel()
			playCases(t, test.row, cases(20, 300), 2, func(c *trial) func() time.Duration {
				played := 0
				return func() time.Duration {
					c.feed(2 + c.dice.IntN(100))
					c.nextLife()
					where := fmt.Sprintf("%s:%d:KILL", test.point, 1+c.dice.IntN(test.reached))
					p := start(c.t, append(c.environment(), "RIDESINK_FAULTPOINT="+where), append([]string{"backfill", "--json"}, hasty()...)...)
					p.wantExit(-1, longWait)
					played++
					return c.completeSometimes(played)
				}
			})
		})
	}
}

// completeSometimes lets a backfill get to the end after every tenth case, and tells how long that took.
func (c *trial) completeSometimes(played int) time.Duration {
	c.t.Helper()
	if played%10 != 0 {
		return 0
	}
	c.check()
	return c.complete()
}

// TestProductionHasNoPoints holds: only the binary that these tests build can be told to kill itself.
func TestProductionHasNoPoints(t *testing.T) {
	t.Parallel()
	production := filepath.Join(t.TempDir(), "sink")
	if out, err := exec.Command("go", "build", "-o", production, "ridesink/cmd/sink").CombinedOutput(); err != nil {
		t.Fatalf("build the sink: %v\n%s", err, out)
	}
	for binary, want := range map[string]bool{production: false, os.Getenv(binaryVariable): true} {
		content, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(content, []byte("RIDESINK_FAULTPOINT")); got != want {
			t.Errorf("%s knows RIDESINK_FAULTPOINT: %t, want %t", binary, got, want)
		}
	}
}
