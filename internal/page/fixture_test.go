package page

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// fixture_test.go: a page whose sink, database and clock are the test's.

// world is what a page under test sees.
type world struct {
	mu     sync.Mutex
	clock  time.Time
	now    Now
	stored Stored
	err    error // of the next readings
}

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func newWorld() *world {
	return &world{clock: noon(), now: Now{Partitions: []Partition{running("rides", 0), running("rides", 1)}}}
}

// running is a partition that is 20 records behind.
func running(topic string, number int32) Partition {
	return Partition{Topic: topic, Partition: number, Position: 1_234_567, LogEnd: 1_234_587, Lag: 20, LastWrite: noon().Add(-3 * time.Second), Moved: 100}
}

func (w *world) page(change func(*Config)) *Page {
	cfg := Config{
		Look: func() Now {
			w.mu.Lock()
			defer w.mu.Unlock()
			now := w.now
			now.Partitions = append([]Partition{}, now.Partitions...)
			return now
		},
		Stored: func(context.Context) (Stored, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.stored, w.err
		},
		Program: "1.2.3", Settings: []Setting{{"topics", "rides"}},
		Clock: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.clock
		},
	}
	if change != nil {
		change(&cfg)
	}
	return New(cfg)
}

// pass lets time go by, sampling as Run does; each partition moves so many records a second.
func (w *world) pass(p *Page, d time.Duration, perSecond int64) {
	for end := w.clock.Add(d); w.clock.Before(end); {
		w.clock = w.clock.Add(sampleEvery)
		for i := range w.now.Partitions {
			n := perSecond * int64(sampleEvery/time.Second)
			w.now.Partitions[i].Moved += n
			w.now.Moved.Inserted += n
		}
		p.sample()
	}
}

func ask(t *testing.T, p *Page, path string) string {
	t.Helper()
	answer := httptest.NewRecorder()
	p.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, answer.Code, answer.Body)
	}
	return answer.Body.String()
}

var errAway = errors.New("connection refused")
