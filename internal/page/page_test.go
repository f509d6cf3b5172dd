package page

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// page_test.go: what the page says in which state, and that no server and no record can spoil it.

func TestPageTells(t *testing.T) {
	t.Parallel()
	halt := "rides/1: offsets [5,9) are gone from Kafka; go on past them with sink reset --to 9 --partition rides/1"
	for _, c := range []struct {
		scenario string
		change   func(*world)
		want     []string
		mustNot  []string
	}{
		{
			scenario: "all is well", change: func(*world) {},
			want: []string{`class="state ok"`, "Running. PostgreSQL and Kafka answer.", ">1,234,567<", ">1,234,587<", "none halted", "3 s ago", "about 2 s at this rate", "<span>moving</span>"},
		},
		{
			scenario: "more is there than moves in 10 s", change: func(w *world) { w.now.Partitions[1].Lag, w.now.Partitions[1].LogEnd = 123_456, 1_358_023 },
			want: []string{"<span>moving</span>", "<span>behind</span>", ">123,476<", ">123,456<", "about 1 h 42 min at this rate"},
		},
		{
			scenario: "nothing was fetched yet", change: func(w *world) { w.now.Partitions[0].LogEnd, w.now.Partitions[1].LogEnd = -1, -1 },
			want: []string{"starting", "not known yet"}, mustNot: []string{">-1<"},
		},
		{
			scenario: "a halted partition", change: func(w *world) { w.now.Partitions[1].Halted, w.now.Ready = halt, errors.New("halted") },
			want:    []string{`class="state bad"`, "1 partition is halted and needs you", "offsets [5,9) are gone", "halted.</b> offsets [5,9)", "<pre><code>sink reset --to 9 --partition rides/1</code></pre>", "1 halted", "of 1 of 2 partitions"},
			mustNot: []string{"answer."},
		},
		{
			scenario: "two halted partitions", change: func(w *world) { w.now.Partitions[0].Halted, w.now.Partitions[1].Halted = halt, halt },
			want: []string{"2 partitions are halted and need you"},
		},
		{
			scenario: "PostgreSQL is away", change: func(w *world) {
				w.now.Outages = []Outage{{Server: "postgres", Since: noon().Add(-95 * time.Second), Attempts: 17, Error: "dial tcp: refused"}}
			},
			want:    []string{`class="state wait"`, "PostgreSQL has been away since 11:58:25 UTC.", "away for 1 min", "17 attempts", "dial tcp: refused", "<span>waiting</span>", "records not stored yet"},
			mustNot: []string{"at this rate", "moving"},
		},
		{
			scenario: "both are away, and a partition is halted", change: func(w *world) {
				w.now.Outages = []Outage{{Server: "kafka", Since: noon(), Attempts: 2}, {Server: "postgres", Since: noon(), Attempts: 1}}
				w.now.Partitions[0].Halted = halt
			},
			want: []string{`class="state bad"`, "Kafka has been away", "PostgreSQL has been away", "1 partition is halted"},
		},
		{
			scenario: "before the first generation", change: func(w *world) { w.now = Now{Ready: errors.New("not a member of the consumer group yet")} },
			want: []string{"Not ready: not a member of the consumer group yet.", "not known yet", "owns no partition"}, mustNot: []string{"answers"},
		},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.change(w)
			p := w.page(nil)
			clock := w.clock
			w.clock = clock.Add(-time.Minute)
			w.pass(p, time.Minute, 10)
			w.clock = clock
			body := ask(t, p, "/")
			for _, want := range c.want {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %q:\n%s", want, body)
				}
			}
			for _, not := range c.mustNot {
				if strings.Contains(body, not) {
					t.Errorf("the page says %q", not)
				}
			}
		})
	}
}

// hostile is what a producer may send to spoil a page.
const hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\x00\xff\u202e{{.}}</style>]]>&amp;"

// Whatever is in records, topics, errors and settings: it is text on the page, never markup, and JSON stays JSON.
func TestPageOfHostileBytes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.now = Now{
		Ready:      errors.New(hostile),
		Partitions: []Partition{{Topic: hostile, Halted: hostile + "sink reset --to 9"}},
		Outages:    []Outage{{Server: hostile, Since: noon(), Error: hostile}},
	}
	w.stored = Stored{Partitions: 9, Totals: Counts{DeadLetters: 1}, Examined: 1, Reasons: []Reason{
		{Name: hostile, Seen: 1, Samples: []Sample{{Topic: hostile, Error: hostile, Value: []byte(hostile), Size: 9999}}},
	}}
	p := w.page(func(c *Config) { c.Values, c.Program, c.Settings = true, hostile, []Setting{{hostile, hostile}} })
	p.readOnce(t.Context())
	p.sample()
	body := ask(t, p, "/")
	clean := newWorld().page(nil)
	clean.sample()
	for _, tag := range []string{"<script", "<img", "<style", "onerror=alert(2)>"} {
		if got, want := strings.Count(body, tag), strings.Count(ask(t, clean, "/"), tag); got != want {
			t.Errorf("the page has %d of %s, want %d", got, tag, want)
		}
	}
	if n := strings.Count(body, "&lt;script&gt;alert(1)"); n < 9 {
		t.Errorf("only %d hostile texts are shown; is one left out, or shown raw?", n)
	}
	if strings.ContainsAny(body, "\x00\u202e") {
		t.Error("the page has characters that cannot be seen")
	}
	var status struct{ Partitions []Partition }
	if err := json.Unmarshal([]byte(ask(t, p, "/status.json")), &status); err != nil || len(status.Partitions) != 1 {
		t.Errorf("status.json: %v, %d partitions", err, len(status.Partitions))
	}
	if strings.Contains(ask(t, p, "/status.json"), "<script") {
		t.Error("status.json has markup, for who takes it for HTML")
	}
}

// What is in a record is shown only where the operator said so.
func TestPageHidesValues(t *testing.T) {
	t.Parallel()
	for _, shown := range []bool{false, true} {
		w := newWorld()
		w.stored = Stored{Totals: Counts{DeadLetters: 1234}, Examined: 1000, Reasons: []Reason{
			{Name: "bad_time", Seen: 1000, Samples: []Sample{{Topic: "rides", Partition: 3, Offset: 42, Error: "at the wall", Value: []byte("the value"), Size: 400}}},
		}}
		p := w.page(func(c *Config) { c.Values = shown })
		p.readOnce(t.Context())
		body := ask(t, p, "/")
		for _, want := range []string{"bad_time", "rides/3/42", "sink deadletters show rides/3/42", "newest 1,000 of 1,234"} {
			if !strings.Contains(body, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		for _, secret := range []string{"the value", "at the wall", "(400 bytes)"} {
			if strings.Contains(body, secret) != shown {
				t.Errorf("values shown: %t; %q on the page: %t", shown, secret, !shown)
			}
		}
	}
}

// With 256 partitions and a PostgreSQL that never answers the page comes at once, and says how old what it shows is.
func TestPageWaitsForNobody(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.now.Partitions = nil
	for i := range int32(256) {
		w.now.Partitions = append(w.now.Partitions, running("rides", i))
	}
	w.stored = Stored{Partitions: 256, Totals: Counts{Inserted: 4711}}
	read, hang := make(chan bool), false
	p := w.page(func(c *Config) {
		c.Stored = func(ctx context.Context) (Stored, error) {
			read <- true
			if hang {
				<-ctx.Done()
				return Stored{}, ctx.Err()
			}
			hang = true
			return w.stored, nil
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() { defer close(ended); p.Run(ctx) }()
	<-read
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(ask(t, p, "/"), "4,711"); {
		if time.Now().After(deadline) {
			t.Fatalf("what was read is not shown: %s", ask(t, p, "/"))
		}
	}
	w.mu.Lock()
	w.clock = w.clock.Add(7 * time.Minute)
	w.mu.Unlock()
	<-read // it hangs now
	began := time.Now()
	body := ask(t, p, "/")
	took := time.Since(began)
	if took > time.Second {
		t.Errorf("the page took %s", took)
	}
	t.Logf("256 partitions: %s, %d bytes", took, len(body))
	if n := strings.Count(body, `scope="row"`); n != 256 || !strings.Contains(body, "Read from PostgreSQL 7 min ago.") {
		t.Errorf("%d rows; the age is shown: %t", n, strings.Contains(body, "7 min ago"))
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not end")
	}
}

// PostgreSQL is asked once at the start, then only while somebody looks, and not more often than every few seconds.
func TestPageReadsWhileSomebodyLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		w := newWorld()
		p := w.page(func(c *Config) {
			stored := c.Stored
			c.Stored = func(ctx context.Context) (Stored, error) { reads.Add(1); return stored(ctx) }
		})
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		synctest.Wait()
		want := func(n int32, when string) {
			t.Helper()
			synctest.Wait()
			if got := reads.Load(); got != n {
				t.Errorf("%s: %d readings, want %d", when, got, n)
			}
		}
		want(1, "at the start")
		time.Sleep(time.Hour) //nolint:forbidigo // synctest's clock
		want(1, "after an hour alone")
		for range 60 {
			ask(t, p, "/")
			time.Sleep(time.Second) //nolint:forbidigo // synctest's clock
		}
		synctest.Wait()
		if got := reads.Load(); got < 12 || got > 14 {
			t.Errorf("a minute with a visitor every second: %d readings, want one every 5 s", got-1)
		}
		w.mu.Lock()
		w.err = errAway
		w.mu.Unlock()
		ask(t, p, "/")
		time.Sleep(time.Minute) //nolint:forbidigo // synctest's clock
		synctest.Wait()
		if body := ask(t, p, "/"); !strings.Contains(body, "It has not answered since.") {
			t.Errorf("the page does not say that PostgreSQL did not answer:\n%s", body)
		}
		cancel()
		synctest.Wait()
	})
}

// The policy forbids what is inline, and the page has nothing inline and nothing from elsewhere.
func TestPageKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.now.Outages = []Outage{{Server: "kafka", Since: noon()}}
	p := w.page(nil)
	w.pass(p, 20*time.Minute, 1000)
	body := ask(t, p, "/")
	for _, not := range []string{" style=", "<style", " onclick", " onload", "javascript:", "http://", "https://", "<script>"} {
		if strings.Contains(body, not) {
			t.Errorf("the page has %q", not)
		}
	}
	for _, want := range []string{`<html lang="en">`, "<main>", "<header>", "<footer>", "<caption>", `scope="col"`, `role="img"`, `aria-live="polite"`, "<noscript><meta http-equiv=\"refresh\"", "<desc "} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	seen := map[string]bool{}
	for _, part := range strings.Split(body, ` id="`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		if seen[id] {
			t.Errorf("two elements have the id %s", id)
		}
		seen[id] = true
	}
	for _, part := range strings.Split(body, `aria-labelledby="`)[1:] {
		ids, _, _ := strings.Cut(part, `"`)
		for _, id := range strings.Fields(ids) {
			if !seen[id] {
				t.Errorf("a label is named that is not there: %s", id)
			}
		}
	}
	for path, kind := range map[string]string{"/page.css": ":root", "/page.js": "use strict", "/icon.svg": "<svg"} {
		if !strings.Contains(ask(t, p, path), kind) {
			t.Errorf("%s lacks %s", path, kind)
		}
	}
	if n := strings.Count(body, `class="away"`); n != 2 {
		t.Errorf("%d outages in two charts", n)
	}
	if !strings.Contains(body, "now 2,000, lowest 2,000, highest 2,000 records per second. A server was away") {
		t.Error("the throughput is not told to who does not see it")
	}
}
