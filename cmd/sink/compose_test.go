package main

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"

	"ridesink/internal/compose"
	"ridesink/sink"
)

// TestComposeFile holds: each service of docker-compose.yml that runs the sink has a command line and an environment that this command line
// parser takes, and that mean what the file wants; and it sets nothing that nobody reads.
func TestComposeFile(t *testing.T) { //nolint:paralleltest // sets the environment
	env := []string{"KAFKA_TOPICS=rides,more", "DEMO_TOPIC=more", "RIDES=7", "POSTGRES_PASSWORD=p@ss w/:%#", "LOG_LEVEL=debug"}
	project, err := compose.Load(t.Context(), "../../docker-compose.yml", env, "*")
	if err != nil {
		t.Fatal(err)
	}
	sinks, err := compose.Sinks(project)
	if err != nil {
		t.Fatal(err)
	}
	check := map[string]func(*testing.T, *cli){
		"migrate": func(t *testing.T, c *cli) { wantDatabase(t, c.Migrate.Up.databaseOptions) },
		"produce": func(t *testing.T, c *cli) {
			if err := c.Produce.check(); err != nil || c.Produce.Topic != "more" || c.Produce.Partitions != 4 || c.Produce.Synthetic != 7 {
				t.Errorf("it sends %d rides to %s with %d partitions (%v), want 7 to more with 4", c.Produce.Synthetic, c.Produce.Topic, c.Produce.Partitions, err)
			}
			wantBrokers(t, c.Produce.Brokers)
		},
		"sink": func(t *testing.T, c *cli) { wantMove(t, &c.Backfill.moveOptions, "") },
		"sink-live": func(t *testing.T, c *cli) {
			wantMove(t, &c.Run.moveOptions, "0.0.0.0:8080")
			if restart := project.Services["sink-live"].Restart; restart != "on-failure" {
				t.Errorf("it restarts %s, want on-failure: a stop is meant", restart)
			}
		},
	}
	commands := map[string]string{"migrate": "migrate up", "produce": "produce", "sink": "backfill", "sink-live": "run"}
	for _, s := range sinks {
		t.Run(s.Name, func(t *testing.T) { //nolint:paralleltest // sets the environment
			for name, value := range s.Env {
				t.Setenv(name, value)
			}
			var c cli
			var out bytes.Buffer
			parser, err := newParser(&c, &out, &out)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parser.Parse(s.Args)
			if err != nil {
				t.Fatalf("sink %s: %v", strings.Join(s.Args, " "), err)
			}
			if got := parsed.Command(); got != commands[s.Name] {
				t.Errorf("it runs sink %s, want sink %s", got, commands[s.Name])
			}
			if c.LogLevel != "debug" {
				t.Errorf("it logs at level %s, want what LOG_LEVEL says", c.LogLevel)
			}
			check[s.Name](t, &c)
			const leaving = 6 * time.Second // the group, when its coordinator does not answer
			if grace := project.Services[s.Name].StopGracePeriod; grace == nil || time.Duration(*grace) < sink.DefaultConfig().DrainTimeout+leaving {
				t.Errorf("it is killed after %v, want at least the %s that a drain and leaving the group may take", grace, sink.DefaultConfig().DrainTimeout+leaving)
			}
			known := variables(parser)
			for name := range s.Env {
				if !strings.HasPrefix(name, "PG") && !slices.Contains(known, name) { // wantDatabase looks at PG*
					t.Errorf("%s is set, and no command reads it", name)
				}
			}
		})
		delete(commands, s.Name)
	}
	if len(commands) > 0 {
		t.Errorf("docker-compose.yml has no services %v", commands)
	}
}

// variables are the environment variables that some command reads.
func variables(parser *kong.Kong) (names []string) {
	_ = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			names = append(names, flag.Envs...)
		}
		return next(nil)
	})
	return names
}

func wantMove(t *testing.T, o *moveOptions, httpAddr string) {
	t.Helper()
	cfg, err := o.config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	wantBrokers(t, cfg.Brokers)
	wantDatabase(t, o.databaseOptions)
	if !slices.Equal(cfg.Topics, []string{"rides", "more"}) || cfg.Group != "ridesink" || o.Start != "earliest" || o.HTTPAddr != httpAddr {
		t.Errorf("topics %q, group %q, start %q, HTTP at %q", cfg.Topics, cfg.Group, o.Start, o.HTTPAddr)
	}
}

func wantBrokers(t *testing.T, brokers []string) {
	t.Helper()
	if !slices.Equal(brokers, []string{"kafka:29092"}) {
		t.Errorf("its brokers are %q, want kafka:29092", brokers)
	}
}

// wantDatabase: the password arrives as it was given, whatever is in it.
func wantDatabase(t *testing.T, o databaseOptions) {
	t.Helper()
	url, err := o.url()
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "postgres" || config.Port != 5432 || config.User != "postgres" || config.Password != "p@ss w/:%#" || config.Database != "postgres" {
		t.Errorf("its database is %s of %s with %q at %s:%d", config.Database, config.User, config.Password, config.Host, config.Port)
	}
}
