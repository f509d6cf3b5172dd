package sink

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A group that will never take this member ends the run with what to do, instead of being asked for ever.
func TestAGroupThatRefusesAMember(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		arrange  func(*testing.T, *fixture, *Config)
	}{
		{"a session longer than the brokers allow", func(_ *testing.T, _ *fixture, cfg *Config) { cfg.SessionTimeout = 2 * time.Hour }},
		{"consumers of another kind in the group", func(t *testing.T, f *fixture, cfg *Config) {
			t.Helper()
			other, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...), kgo.ConsumeTopics(f.topic), kgo.ConsumerGroup(cfg.Group), kgo.Balancers(kgo.StickyBalancer()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(other.Close)
			f.send(0, rides(0, 1)...)
			if got := other.PollFetches(t.Context()); got.NumRecords() != 1 { // so it is a member
				t.Fatalf("the other consumer got %d records: %v", got.NumRecords(), got.Err())
			}
		}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			cfg := f.config()
			c.arrange(t, f, &cfg)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var environment *EnvironmentError
			if err := f.sink(cfg).Run(ctx); !errors.As(err, &environment) {
				t.Errorf("Run = %v, want an *EnvironmentError", err)
			}
		})
	}
}
