package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// stop_test.go: SIGTERM ends the sink within its bounds and with the right exit code, whatever it is doing.

// stopBound is how long a stop may take: the drain timeout of hasty, leaving the group, and what a busy machine adds.
const stopBound = 8 * time.Second

// TestTerminate holds: after SIGTERM the process ends within the bound with this exit code, and a backfill afterwards completes what is
// missing, each ride once.
func TestTerminate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		begin    func(t *testing.T, s scene) *process // returns when the sink is where it shall be stopped
		wantExit int
	}{
		{scenario: "run that is idle ends with 0", begin: idle, wantExit: 0},
		{scenario: "run that waits behind a frozen member in JoinGroup ends with 0", begin: joining, wantExit: 0},
		{scenario: "backfill that is storing ends with 1, for it is not done", begin: storing, wantExit: 1},
		{scenario: "backfill that waits in JoinGroup ends with 1", begin: joiningBackfill, wantExit: 1},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 4)
			records := s.publishRides(30_000, 4, writeTLC)
			p := test.begin(t, s)
			began := time.Now()
			p.signal(syscall.SIGTERM)
			p.wantExit(test.wantExit, stopBound)
			t.Logf("ended %.1f s after SIGTERM", time.Since(began).Seconds())
			if p.code == 1 && len(p.stdout.String()) > 0 {
				summaryOf(t, p) // if it prints one, its sums close
			}
			s.checkCommits(s.connect(), false)
			s.group += "-afterwards" // does not wait for the frozen member
			s.backfilled(0)
			s.checkStored(records)
		})
	}
}

func idle(_ *testing.T, s scene) *process {
	p := s.run()
	s.waitForEnd(30 * time.Second)
	return p
}

// joining returns a member that the group does not let in, because a frozen one does not rejoin for a minute.
func joining(t *testing.T, s scene) *process {
	return behindFrozen(t, s, func() *process { return s.run() })
}

func joiningBackfill(t *testing.T, s scene) *process {
	return behindFrozen(t, s, func() *process { return s.backfill() })
}

func behindFrozen(t *testing.T, s scene, start func() *process) *process {
	t.Helper()
	g := insideCopy()
	frozen := s.through(startRelay(t, s.url, g, 0).url(s.url)).run("--session-timeout=60s")
	receive(t, 30*time.Second, "the first member to be inside COPY", g.reached)
	frozen.freeze()
	p := start()
	kafka := admin(t, s.brokers)
	eventually(t, 30*time.Second, "a rebalance that waits for the frozen member", func() (bool, string) {
		described, err := kafka.DescribeGroups(t.Context(), s.group)
		if err != nil {
			return false, err.Error()
		}
		return described[s.group].State == "PreparingRebalance", described[s.group].State
	})
	return p
}

func storing(t *testing.T, s scene) *process {
	p := s.through(startRelay(t, s.url, nil, 512<<10).url(s.url)).backfill("--memory-bytes=4194304")
	conn := s.connect()
	eventually(t, 30*time.Second, "rides to be stored", func() (bool, string) {
		return s.countRides(conn) > 0, "none yet"
	})
	return p
}

// TestSecondSignal holds: a second SIGTERM while a transaction drains ends the process at once, with 130.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := s.publishRides(1000, 1, writeTLC)
	g := insideCopy()
	p := s.through(startRelay(t, s.url, g, 0).url(s.url)).run("--session-timeout=30s", "--drain-timeout=20s")
	receive(t, 30*time.Second, "the sink to be inside COPY", g.reached)
	p.signal(syscall.SIGTERM)
	eventually(t, 5*time.Second, "the first signal to be taken", func() (bool, string) {
		return strings.Contains(p.stderr.String(), "second signal"), tail(p.stderr.String())
	})
	p.signal(syscall.SIGTERM)
	p.wantExit(130, 2*time.Second)
	s.group += "-afterwards"
	s.backfilled(0)
	s.checkStored(records)
}

// TestTerminateWithoutPostgres holds: with PostgreSQL away and rides at hand that it could not store, SIGTERM still ends run in time.
func TestTerminateWithoutPostgres(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	relay := startRelay(t, s.url, nil, 0)
	p := s.through(relay.url(s.url)).run()
	s.waitForMembers(1)
	relay.close()
	records := s.publishRides(1000, 2, writeTLC)
	eventually(t, 30*time.Second, "the outage to be noticed", func() (bool, string) {
		return p.logged("outage"), tail(p.stderr.String())
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(stopBound); code != 0 && code != 1 {
		t.Errorf("exit code %d, want 0 or 1", code)
	}
	s.group += "-afterwards"
	s.backfilled(0)
	s.checkStored(records)
}

// TestTerminateWhileStarting holds: a SIGTERM that comes while the sink still looks at its servers ends it like any other, run with 0 and a
// backfill that is not done with 1, and blames no server. (A signal that comes before the process can take it ends it by itself.)
func TestTerminateWhileStarting(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(2000, 2, writeTLC)
	dice := random(t)
	for round := range 12 {
		command, want := "run", 0
		if round%2 == 1 {
			command, want = "backfill", 1
		}
		p := s.start(command, "--log-level=warn")
		timer := time.NewTimer(time.Duration(dice.IntN(80)) * time.Millisecond)
		select {
		case <-timer.C:
		case <-p.exited:
		}
		done := !p.running()
		p.signal(syscall.SIGTERM)
		code, text := p.wait(stopBound), p.stderr.String()
		taken := p.code != -1 && !done && (command != "backfill" || code != 0) // 0: it was done before the signal came
		if taken && code != want {
			t.Errorf("%s: exit code %d, want %d: %s", command, code, want, text)
		}
		if strings.Contains(text, "reached") || strings.Contains(text, "answers") || strings.Contains(text, "context canceled") {
			t.Errorf("%s blames somebody for a stop: %s", command, text)
		}
	}
	s.backfilled(0)
	s.checkStored(records)
}
