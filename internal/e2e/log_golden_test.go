package e2e

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// log_golden_test.go: what an operator reads of a whole run: one line for what must be known, none for what not.

var updateLog = flag.Bool("update-log", false, "write testdata/run.log as the log is now")

// TestLogOfARun holds: a run with a dead letter, an outage of PostgreSQL, a halt and its mending logs the lines of testdata/run.log, and no other.
func TestLogOfARun(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	relay := startRelay(t, s.url, nil, 0)
	p := s.through(relay.url(s.url)).run("--max-dead-letters=2")
	conn := s.connect()
	stores := func(rides int64) {
		t.Helper()
		s.publishRides(10, 1, writeTLC)
		eventually(t, longWait, "rides to be stored", func() (bool, string) { return s.countRides(conn) == rides, tail(p.stderr.String()) })
	}
	says := func(message string) {
		t.Helper()
		eventually(t, longWait, message, func() (bool, string) { return p.logged(message), tail(p.stderr.String()) })
	}
	bad := func(n int) {
		t.Helper()
		for range n {
			s.publish([]sent{{record: &kgo.Record{Topic: s.topic(), Value: []byte("{")}, fate: isDead, reason: "invalid_json"}})
		}
	}

	stores(10)
	bad(1)
	relay.away()
	s.publishRides(10, 1, writeTLC)
	says("outage")
	relay.back()
	says("recovered")
	stores(30)
	bad(2)
	says("partition halted")
	s.reset(0, "--to=latest", "--yes")
	says("looking at the ledger again: it was moved or mended")
	stores(40)
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)

	got := s.normalized(p.stderr.String())
	golden := filepath.Join("testdata", "run.log")
	if *updateLog {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the log of a run is another one. If that is what an operator should read: go test ./internal/e2e -run TestLogOfARun -update-log\ngot:\n%swant:\n%s", got, want)
	}
}

// normalized is a log without what differs from run to run: one line for each, without time, with repeated lines once.
func (s scene) normalized(log string) string {
	s.t.Helper()
	var lines []string
	for line := range strings.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			s.t.Errorf("no JSON: %s", line)
			continue
		}
		delete(fields, "time")
		for name := range fields {
			switch name {
			case "member", "attempt", "attempts", "waiting", "generation", "next_try_seconds", "outage_seconds":
				fields[name] = "*"
			}
		}
		if config, ok := fields["config"].(map[string]any); ok {
			config["connections"] = "*" // by the number of processors
		}
		if fields["msg"] == "outage" {
			fields["err"] = "*"
		}
		text, err := json.Marshal(fields)
		if err != nil {
			s.t.Fatal(err)
		}
		shown := strings.NewReplacer(s.group, "GROUP", s.topic(), "TOPIC", `\u003e`, ">", `\u003c`, "<").Replace(string(text))
		shown = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(shown, "HOST:PORT") + "\n"
		if len(lines) == 0 || lines[len(lines)-1] != shown {
			lines = append(lines, shown)
		}
	}
	return strings.Join(lines, "")
}
