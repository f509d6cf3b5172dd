package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"ridesink/internal/localenv"
	"ridesink/internal/servers"
)

// servers.go: Kafka and PostgreSQL as they come, and the sink built anew.

const networkTimeout = 10 * time.Second

// environment is what all cases share. Its owner calls stop.
type environment struct {
	kafka    *localenv.Kafka
	postgres *localenv.Postgres
	scratch  *localenv.Scratch
	reader   *servers.Kafka
	conn     *pgx.Conn
	sink     string // the binary
	settings []setting
	topics   int            // that were made so far, for their names
	sums     map[int64]sums // of so many rides
}

// setting is one of PostgreSQL's.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func startServers(ctx context.Context) (_ *environment, err error) {
	e := &environment{sums: map[int64]sums{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.stop(ctx))
		}
	}()
	if e.scratch, err = localenv.NewScratch("ridesink-bench-"); err != nil {
		return nil, err
	}
	starting, startCtx := errgroup.WithContext(ctx)
	starting.Go(func() (err error) {
		e.postgres, err = localenv.StartPostgres(startCtx, localenv.PostgresOptions{})
		return err
	})
	starting.Go(func() (err error) {
		e.kafka, err = localenv.StartKafka(startCtx, localenv.KafkaOptions{})
		return err
	})
	starting.Go(func() error { return e.build(startCtx) })
	if err := starting.Wait(); err != nil {
		return nil, err
	}
	if e.conn, err = pgx.Connect(ctx, e.postgres.URL()); err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	e.reader, err = servers.OpenKafka(servers.KafkaConfig{Brokers: e.kafka.Brokers(), ClientID: "bench", NetworkTimeout: networkTimeout})
	if err != nil {
		return nil, err
	}
	if err := e.durable(ctx); err != nil {
		return nil, err
	}
	return e, e.command(ctx, "migrate", "up")
}

// build makes the binary as `make build` does.
func (e *environment) build(ctx context.Context) error {
	e.sink = filepath.Join(e.scratch.Dir(), "sink")
	c := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", e.sink, "ridesink/cmd/sink")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build the sink (bench runs in the project's directory): %w\n%s", err, out)
	}
	return nil
}

// durable notes the settings that matter, and refuses a server that would lose what it confirmed.
func (e *environment) durable(ctx context.Context) error {
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers", "max_wal_size"} {
		s := setting{Name: name}
		if err := e.conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&s.Value); err != nil {
			return fmt.Errorf("ask PostgreSQL for %s: %w", name, err)
		}
		e.settings = append(e.settings, s)
		switch name {
		case "fsync", "synchronous_commit", "full_page_writes":
			if s.Value != "on" {
				return fmt.Errorf("PostgreSQL has %s=%s: it is measured with on only, its default", name, s.Value)
			}
		}
	}
	return nil
}

// variables are what a sink needs in its environment.
func (e *environment) variables() []string {
	return append(os.Environ(), "KAFKA_BROKERS="+strings.Join(e.kafka.Brokers(), ","), "DATABASE_URL="+e.postgres.URL())
}

// command runs the sink for what is not measured.
func (e *environment) command(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, e.sink, args...)
	c.Env = append(e.variables(), "LOG_LEVEL=warn")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("sink %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// clear empties the tables, and has PostgreSQL write to disk what is left of the run before.
func (e *environment) clear(ctx context.Context) error {
	for _, sql := range []string{"TRUNCATE rides, sink_ledger, sink_dead_letters", "CHECKPOINT"} {
		if _, err := e.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	syscall.Sync() // what the broker wrote before is not to be written out meanwhile
	return nil
}

// brokerPID and postmasterPID are the processes to look at.
func (e *environment) brokerPID() int { return e.kafka.PID(0) }

func (e *environment) postmasterPID() (int, error) {
	content, err := os.ReadFile(filepath.Join(e.postgres.Dir(), "data", "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("which process PostgreSQL is: %w", err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strconv.Atoi(strings.TrimSpace(line))
}

// stop ends and removes all, also when ctx has ended.
func (e *environment) stop(ctx context.Context) error {
	var err error
	if e.reader != nil {
		e.reader.Close()
	}
	if e.conn != nil {
		err = e.conn.Close(context.WithoutCancel(ctx))
	}
	if e.kafka != nil {
		err = errors.Join(err, e.kafka.Stop())
	}
	if e.postgres != nil {
		err = errors.Join(err, e.postgres.Stop())
	}
	if e.scratch != nil {
		err = errors.Join(err, e.scratch.Remove())
	}
	return err
}
