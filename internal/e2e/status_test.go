package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"
)

// status_test.go: sink status says how far every partition is, whether a sink runs or not.

// shownStatus is what sink status --json prints, as far as these tests look.
type shownStatus struct {
	GroupState string `json:"group_state"`
	Partitions []struct {
		Position     *int64   `json:"position"`
		LogEnd       int64    `json:"log_end"`
		Lag          int64    `json:"lag"`
		LagSeconds   *float64 `json:"lag_seconds"`
		Rate         *float64 `json:"records_per_second"`
		Inserted     int64    `json:"inserted"`
		DeadLetters  int64    `json:"dead_letters"`
		Owner        *struct{ Member, Host string }
		HaltedReason string `json:"halted_reason"`
	} `json:"partitions"`
	Totals struct {
		Lag      int64 `json:"lag"`
		Inserted int64 `json:"inserted"`
		Halted   int   `json:"halted"`
		Unowned  int   `json:"unowned"`
	} `json:"totals"`
}

func (s scene) status(flags ...string) shownStatus {
	s.t.Helper()
	p := s.start(append([]string{"status", "--json", "--rate-over=0s"}, flags...)...)
	p.wantExit(0, 30*time.Second)
	var shown shownStatus
	if err := json.Unmarshal([]byte(p.stdout.String()), &shown); err != nil {
		s.t.Fatalf("%v: %s", err, p.stdout.String())
	}
	return shown
}

// TestStatus holds: before, between and while sinks run, status shows what the ledger and Kafka hold.
func TestStatus(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.publishRides(100, 2, writeTLC)
	if got := s.status(); got.Totals.Lag != 100 || got.Totals.Unowned != 2 || got.Partitions[0].Position != nil || got.Partitions[0].LagSeconds == nil {
		t.Errorf("before the first start: %+v", got)
	}
	s.backfilled(0)
	if got := s.status(); got.Totals.Lag != 0 || got.Totals.Inserted != 100 || *got.Partitions[1].Position != 50 || got.Partitions[1].LagSeconds != nil {
		t.Errorf("after a backfill: %+v", got)
	}
	p := s.run()
	s.waitForMembers(1)
	if got := s.status("--rate-over=100ms"); got.GroupState != "Stable" || got.Totals.Unowned != 0 || got.Partitions[0].Owner == nil || got.Partitions[0].Rate == nil {
		t.Errorf("while a sink runs: %+v", got)
	}
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	s.exec("UPDATE sink_ledger SET halted_reason = 'somebody said so', halted_at = now() WHERE kafka_partition = 1")
	if got := s.status(); got.Totals.Halted != 1 || got.Partitions[1].HaltedReason != "somebody said so" {
		t.Errorf("with a halted partition: %+v", got)
	}
	table := s.start("status", "--rate-over=0s")
	table.wantExit(0, 10*time.Second)
	for _, want := range []string{s.topic() + "/1", "[0,50)", "halted", "somebody said so", "total"} {
		if !strings.Contains(table.stdout.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, table.stdout.String())
		}
	}
}

// TestStatusWatched holds: --watch goes on until a signal, through an outage, and that is no failure.
func TestStatusWatched(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	relay := startRelay(t, s.url, nil, 0)
	p := s.through(relay.url(s.url)).start("status", "--watch", "--rate-over=0s")
	shows := func(text string) {
		t.Helper()
		eventually(t, 30*time.Second, text, func() (bool, string) { return strings.Contains(p.stdout.String(), text), tail(p.stdout.String()) })
	}
	shows("total")
	relay.close()
	shows("read the ledger")
	p.signal(syscall.SIGINT)
	p.wantExit(0, stopBound)
}

// TestStatusWithoutServers holds: what does not answer is named, with the exit code for it.
func TestStatusWithoutServers(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	noDatabase := s.through(withAddress(t, s.url, "127.0.0.1:1")).start("status")
	noDatabase.wantExit(3, 20*time.Second)
	noBroker := s.start("status", "--brokers=127.0.0.1:1")
	noBroker.wantExit(3, 20*time.Second)
	for p, want := range map[*process]string{noDatabase: "PostgreSQL", noBroker: "broker"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%s does not name %s: %s", p.name, want, p.stderr.String())
		}
	}
}
