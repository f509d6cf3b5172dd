package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// peek_test.go: sink peek prints what is in a topic and what would become of it, and leaves no trace.

// peeked is a line of sink peek.
type peeked struct {
	Partition int32           `json:"partition"`
	Offset    int64           `json:"offset"`
	Key       *string         `json:"key"`
	KeyBase64 []byte          `json:"key_base64"`
	Outcome   string          `json:"outcome"`
	Ride      json.RawMessage `json:"ride"`
	Reason    string          `json:"reason"`
	Value     *string         `json:"value"`
}

func peekedBy(t *testing.T, p *process) []peeked {
	t.Helper()
	p.wantExit(0, 30*time.Second)
	var lines []peeked
	for line := range strings.Lines(p.stdout.String()) {
		var one peeked
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, one)
	}
	return lines
}

// TestPeek holds: each committed record is printed once with what a backfill then makes of it; no group is joined and nothing is written.
func TestPeek(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := append(s.publishRides(200, 2, writeMixed), tombstone(s.topic(), 1), sent{
		fate: isDead, reason: "invalid_json",
		record: &kgo.Record{Topic: s.topic(), Partition: 0, Timestamp: epoch(), Key: []byte{0xff}, Value: []byte("no ride")},
	})
	s.publish(records[200:])
	lines := peekedBy(t, s.start("peek", s.topic(), "--limit=0"))
	outcomes := map[int32]map[int64]peeked{0: {}, 1: {}}
	for _, line := range lines {
		outcomes[line.Partition][line.Offset] = line
	}
	if len(lines) != len(records) {
		t.Errorf("%d lines for %d records", len(lines), len(records))
	}
	for _, r := range records {
		got, want := outcomes[r.record.Partition][r.record.Offset], map[fate]string{isRide: "insert", isDead: "dead_letter", isTombstone: "tombstone"}[r.fate]
		if got.Outcome != want || got.Reason != r.reason || (want == "insert") != (len(got.Ride) > 2) {
			t.Errorf("%s: %+v, want %s %s", r.place(), got, want, r.reason)
		}
	}
	if bad := outcomes[0][100]; bad.Key != nil || string(bad.KeyBase64) != "\xff" || bad.Value == nil || *bad.Value != "no ride" {
		t.Errorf("the bad record is printed as %+v", bad)
	}
	if n := value[int](t, s.connect(), "SELECT (SELECT count(*) FROM rides) + (SELECT count(*) FROM sink_ledger)"); n != 0 {
		t.Errorf("%d rows were written", n)
	}
	if commits := s.kafkaCommits(); len(commits) != 0 {
		t.Errorf("offsets were committed: %v", commits)
	}
	s.backfilled(4)
	s.checkStored(records)
}

// TestPeekBegins holds: peek begins where it is told, and says so where that is nowhere.
func TestPeekBegins(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.publishRides(200, 2, writeTLC) // a millisecond apart, over both
	for _, c := range []struct {
		scenario string
		flags    []string
		lines    int
		first    int64
	}{
		{"at an offset", []string{"--partition=1", "--offset=97"}, 3, 97},
		{"at a time", []string{"--partition=0", "--from=" + epoch().Add(196*time.Millisecond).Format(time.RFC3339Nano)}, 2, 98},
		{"at the latest record there is not yet", []string{"--from=latest"}, 0, 0},
		{"at the earliest, until the limit", []string{"--partition=0", "--limit=7"}, 7, 0},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			lines := peekedBy(t, s.start(append([]string{"peek", s.topic(), "--poll-timeout=500ms"}, c.flags...)...))
			if len(lines) != c.lines || len(lines) > 0 && lines[0].Offset != c.first {
				t.Errorf("%d lines, the first %+v, want %d from offset %d", len(lines), lines[:min(1, len(lines))], c.lines, c.first)
			}
		})
	}
	for code, flags := range map[int][]string{2: {"--partition=7"}, 1: {"--offset=5000"}} {
		s.start(append([]string{"peek", s.topic()}, flags...)...).wantExit(code, 10*time.Second)
	}
	s.start("peek", "no-such-topic").wantExit(3, 10*time.Second)
	s.start("peek", s.topic(), "--offset=1", "--from=latest").wantExit(2, 10*time.Second)
}
