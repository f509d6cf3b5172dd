package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// wide_test.go: with 256 partitions everything that an operator asks answers within a second. The page is in page_answers_test.go.

// answersWithin is what the best of answerTries must keep: the machine may be busy with other tests.
const (
	answersWithin = time.Second
	answerTries   = 5
)

// TestWide holds: of 256 partitions each is in every answer once, the numbers add up to what was sent, and every answer comes within a second. It runs by
// itself: beside the others it would measure them.
func TestWide(t *testing.T) {
	const partitions, rides = 256, 2560
	s := newScene(t, partitions)
	s.publishRides(rides, partitions, writeTLC)
	address := closedPort(t)
	s.run("--http-addr=" + address)
	s.waitForEnd(longWait)
	conn := s.connect()
	command := func(args ...string) func() string {
		return func() string {
			p := s.start(args...)
			p.wantExit(0, 30*time.Second)
			return p.stdout.String()
		}
	}
	page := func(path string) func() string {
		return func() string {
			_, body := get(t, address, path)
			return body
		}
	}
	for _, ask := range []struct {
		what   string
		answer func() string
		counts map[string]int // how often a text is in the answer
	}{
		{"sink status", command("status"), map[string]int{s.topic() + "/": partitions, " 2560 ": 1}},
		{"sink status --json", command("status", "--json"), map[string]int{`"inserted":10,`: partitions, `"inserted":2560,`: 1}},
		{"sink peek", command("peek", s.topic(), "--limit=100"), map[string]int{"insert": 100}},
		{"/readyz", page("/readyz"), map[string]int{"": 0}},
		{"/metrics", page("/metrics"), map[string]int{`outcome="inserted",partition=`: partitions}},
		{"/status.json", page("/status.json"), map[string]int{`"topic":`: partitions}},
		{"SELECT from sink_status", func() string {
			return fmt.Sprint(value[int64](t, conn, "SELECT count(*) FROM sink_status"), " ", value[int64](t, conn, "SELECT sum(inserted)::bigint FROM sink_status"))
		}, map[string]int{"256 2560": 1}},
	} {
		var answer string
		best := time.Hour
		for range answerTries {
			began := time.Now()
			answer = ask.answer()
			if best = min(best, time.Since(began)); best <= answersWithin {
				break
			}
		}
		if best > answersWithin {
			t.Errorf("%s took %s", ask.what, best)
		}
		t.Logf("%s: %s, %d bytes", ask.what, best.Round(time.Millisecond), len(answer))
		for text, want := range ask.counts {
			if n := strings.Count(answer, text); text != "" && n != want {
				t.Errorf("%s has %q %d times, want %d:\n%.2000s", ask.what, text, n, want, answer)
			}
		}
	}
}
