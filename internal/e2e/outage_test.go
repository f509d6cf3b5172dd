package e2e

import (
	"fmt"
	"testing"
	"time"

	"ridesink/internal/localenv"
)

// outage_test.go: PostgreSQL goes away and comes back under a backfill; it goes on by itself. brokers_test.go does that to Kafka.

// TestPostgresKilled holds: while PostgreSQL is killed with -9 and started again, several times, one backfill process goes on and
// finishes; nothing is lost or doubled; the outage is logged when it begins and when it ends.
func TestPostgresKilled(t *testing.T) {
	t.Parallel()
	server, err := localenv.StartPostgres(t.Context(), localenv.PostgresOptions{})
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	s := newSceneOn(t, withSchema(t, server.URL(), "killed"), 4)
	records := s.publishRides(60_000, 4, writeMixed)
	relay := startRelay(t, s.url, nil, 1<<20)
	p := s.through(relay.url(s.url)).backfill("--memory-bytes=4194304")
	dice := random(t)
	for round := range 3 {
		passed := relay.bytesUp.Load()
		more := 1 + dice.Int64N(2<<20)
		eventually(t, 30*time.Second, "traffic", func() (bool, string) {
			now := relay.bytesUp.Load()
			return now >= passed+more || !p.running(), fmt.Sprintf("%d bytes of %d", now-passed, more)
		})
		if !p.running() {
			t.Fatalf("the backfill was over before round %d", round+1)
		}
		server.Kill()
		if err := server.Start(t.Context()); err != nil {
			t.Fatalf("start PostgreSQL again: %v", err)
		}
	}
	p.wantExit(0, 2*time.Minute)
	summaryOf(t, p)
	s.checkStored(records)
	s.checkAtEnd(t)
	for _, message := range []string{"outage", "recovered"} {
		if !p.logged(message) {
			t.Errorf("the log has no line %q", message)
		}
	}
}

// TestConnectionsCut holds: with every connection to PostgreSQL cut again and again, a backfill goes on and finishes.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4)
	records := s.publishRides(30_000, 4, writeMixed)
	relay := startRelay(t, s.url, nil, 1<<20)
	p := s.through(relay.url(s.url)).backfill("--memory-bytes=4194304")
	dice := random(t)
	for range 6 {
		passed, more := relay.bytesUp.Load(), 1+dice.Int64N(1<<20)
		eventually(t, 30*time.Second, "traffic", func() (bool, string) {
			return relay.bytesUp.Load() >= passed+more || !p.running(), fmt.Sprint(relay.bytesUp.Load())
		})
		relay.cut()
	}
	p.wantExit(0, time.Minute)
	summaryOf(t, p)
	s.checkStored(records)
	s.checkAtEnd(t)
}
