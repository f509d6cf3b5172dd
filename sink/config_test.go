package sink

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestValidateNamesEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	valid := func() Config {
		cfg := DefaultConfig()
		cfg.Brokers = []string{"localhost:9092"}
		return cfg
	}
	for _, c := range []struct {
		scenario string
		change   func(*Config)
		want     []string // what the error names; none: valid
	}{
		{scenario: "the defaults with a broker are valid", change: func(*Config) {}},
		{scenario: "no broker and no topic are two faults", change: func(c *Config) { c.Brokers, c.Topics = nil, nil }, want: []string{"--brokers", "--topics"}},
		{scenario: "a topic twice would be two pipelines on one ledger row", change: func(c *Config) { c.Topics = []string{"a", "a"} }, want: []string{`"a" twice`}},
		{scenario: "a drain longer than the session loses the membership", change: func(c *Config) { c.DrainTimeout = time.Minute }, want: []string{"--drain-timeout", "--session-timeout"}},
		{scenario: "a session shorter than drain and network together", change: func(c *Config) { c.SessionTimeout = 6 * time.Second }, want: []string{"--session-timeout"}},
		{scenario: "no memory", change: func(c *Config) { c.MemoryBytes = 0 }, want: []string{"--memory-bytes"}},
		{scenario: "no connection", change: func(c *Config) { c.Connections = 0 }, want: []string{"--connections"}},
		{scenario: "an answer to data loss that nobody knows", change: func(c *Config) { c.OnDataLoss = "ignore" }, want: []string{"--on-data-loss"}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			cfg := valid()
			c.change(&cfg)
			err := cfg.Validate()
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("Validate() = %v, want it to name %q", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Validate() = %v, want it to name %q", err, want)
				}
			}
		})
	}
}

func TestConfigShowsNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-password"
	cfg := DefaultConfig()
	cfg.DatabaseURL = "postgres://me:" + canary + "@localhost/db"
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("starting", "config", cfg)
	for what, text := range map[string]string{"slog": logged.String(), "%v": fmt.Sprintf("%v", cfg), "%+v": fmt.Sprintf("%+v", cfg)} {
		if strings.Contains(text, canary) {
			t.Errorf("%s shows the password: %s", what, text)
		}
	}
}
