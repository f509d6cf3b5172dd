package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// fault_members_test.go: members that are stopped, frozen and cut off. churn_test.go has them come and go at random.

// TestFaultTerminate holds: SIGTERM ends the sink within its bound, whatever it is doing; what it left is stored by the next.
func TestFaultTerminate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		begin    func(c *trial) func() time.Duration
	}{
		{"idle", terminatedIdle},
		{"at any time of a backfill", terminatedBackfill},
		{"inside a transaction", terminatedInTransaction},
		{"in JoinGroup", terminatedWhileJoining},
		{"without PostgreSQL", terminatedWithoutPostgres},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			playCasesBy(t, rowTerminate, cases(4, 60), 20, 2, test.begin)
		})
	}
}

// terminate stops p, which must end within the bound with one of the exit codes.
func (c *trial) terminate(p *process, codes ...int) {
	c.t.Helper()
	p.signal(syscall.SIGTERM)
	got := p.wait(stopBound)
	for _, code := range codes {
		if got == code {
			return
		}
	}
	c.t.Fatalf("%s: exit code %d after SIGTERM, want one of %v: %s", p.name, got, codes, tail(p.stderr.String()))
}

// after calls do once, that much later; the end of the test waits for it.
func (c *trial) after(d time.Duration, do func()) {
	done := make(chan struct{})
	time.AfterFunc(d, func() { defer close(done); do() })
	c.t.Cleanup(func() { <-done })
}

func terminatedIdle(c *trial) func() time.Duration {
	return func() time.Duration {
		c.feed(20)
		p := c.serve(c.url)
		took := c.caughtUp()
		c.terminate(p, 0)
		return took
	}
}

func terminatedBackfill(c *trial) func() time.Duration {
	c.feed(100)
	whole := c.complete()
	return func() time.Duration {
		c.feed(20 + c.dice.IntN(400))
		c.nextLife()
		p := c.backfill("--memory-bytes=1048576")
		timer := time.NewTimer(time.Duration(c.dice.Int64N(int64(whole))))
		select {
		case <-timer.C:
		case <-p.exited:
		}
		c.terminate(p, 0, 1, -1) // -1: before the process could take a signal
		return 0
	}
}

func terminatedInTransaction(c *trial) func() time.Duration {
	return func() time.Duration {
		g := insideCopy()
		if c.dice.IntN(2) == 0 {
			g = insideLedger()
		}
		c.feed(20)
		relay := startRelay(c.t, c.url, g, 0)
		p := c.serve(relay.url(c.url))
		receive(c.t, longWait, "a transaction to be on its way", g.reached)
		if c.dice.IntN(2) == 0 { // else it never ends, and the drain timeout ends it
			c.after(time.Duration(c.dice.IntN(800))*time.Millisecond, g.open)
		}
		c.terminate(p, 0, 1)
		relay.close()
		return 0
	}
}

// terminatedWhileJoining: a frozen member of the group does not rejoin for a minute, so nobody else gets in.
func terminatedWhileJoining(c *trial) func() time.Duration {
	return func() time.Duration {
		g := insideCopy()
		c.feed(20)
		c.nextLife()
		frozen := c.through(startRelay(c.t, c.url, g, 0).url(c.url)).run("--session-timeout=60s")
		receive(c.t, longWait, "the first member to be inside COPY", g.reached)
		frozen.freeze()
		p := c.run()
		eventually(c.t, longWait, "a rebalance that waits for the frozen member", func() (bool, string) {
			described, err := c.kafka.DescribeGroups(c.t.Context(), c.group)
			if err != nil {
				return false, err.Error()
			}
			group := described[c.group]
			return group.State == "PreparingRebalance" && len(group.Members) == 2, fmt.Sprintf("%s, %d members", group.State, len(group.Members))
		})
		c.terminate(p, 0)
		frozen.kill()
		return 0
	}
}

func terminatedWithoutPostgres(c *trial) func() time.Duration {
	relay := startRelay(c.t, c.url, nil, 0)
	return func() time.Duration {
		p := c.serve(relay.url(c.url))
		c.feed(2)
		c.caughtUp()
		relay.away()
		c.feed(20)
		c.waitForOutage(p)
		c.terminate(p, 0, 1)
		relay.back()
		return 0
	}
}

// TestFaultZombie holds: a member that is frozen past its session inside COPY or between the compare-and-set and COMMIT keeps nobody from
// storing the rest, and stores nothing more if it is let go on; nor does one whose connections to PostgreSQL went silent without an end.
func TestFaultZombie(t *testing.T) {
	t.Parallel()
	gates := map[string]func() *gate{"inside COPY": insideCopy, "before COMMIT": insideLedger}
	for where, begin := range gates {
		for _, test := range []struct {
			scenario string
			after    func(c *trial, zombie *process, g *gate)
		}{
			{"frozen and never continued", func(*trial, *process, *gate) {}},
			{"frozen and continued", continued},
		} {
			t.Run(test.scenario+" "+where, func(t *testing.T) {
				t.Parallel()
				playCasesBy(t, rowZombie, cases(1, 50), 4, 2, func(c *trial) func() time.Duration {
					return func() time.Duration {
						zombie, g := c.heldAt(begin())
						zombie.freeze()
						frozen := time.Now()
						c.takeOver()
						took := c.caughtUp()
						if passed := time.Since(frozen); passed < 6*time.Second {
							c.t.Errorf("the zombie's session cannot have ended after %s", passed)
						}
						test.after(c, zombie, g)
						zombie.kill()
						return took
					}
				})
			})
		}
		t.Run("cut off without a word "+where, func(t *testing.T) {
			t.Parallel()
			playCasesBy(t, rowZombie, cases(2, 50), 10, 2, func(c *trial) func() time.Duration {
				return func() time.Duration {
					zombie, g := c.heldAt(begin())
					c.nextLife() // the broker misses nobody: another group stands for the successor
					c.takeOver()
					took := c.caughtUp()
					continued(c, zombie, g)
					return took
				}
			})
		})
	}
}

// heldAt returns a member of a new group that owns everything, once the gate holds its traffic.
func (c *trial) heldAt(g *gate) (*process, *gate) {
	c.t.Helper()
	for _, p := range c.running {
		c.terminate(p, 0)
	}
	c.running = nil
	zombie := c.serve(startRelay(c.t, c.url, g, 0).url(c.url))
	c.running = nil
	c.feed(20)
	receive(c.t, longWait, "a transaction to be on its way", g.reached)
	return zombie, g
}

// takeOver starts another member of the group, which finish ends.
func (c *trial) takeOver() { c.running = append(c.running, c.run()) }

// continued lets a zombie go on, until it has found out, and ends it.
func continued(c *trial, zombie *process, g *gate) {
	c.t.Helper()
	g.open()
	zombie.signal(syscall.SIGCONT)
	c.feed(20) // both are there
	c.caughtUp()
	c.terminate(zombie, 0)
}
