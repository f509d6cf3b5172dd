package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ridesink/migrations"
	"ridesink/sink"
)

// This file holds what run and backfill have in common: their flags, and how those become a sink.Sink.

// moveOptions are the flags of the two commands that move records.
type moveOptions struct {
	kafkaOptions
	topicsOptions
	databaseOptions
	Start          string        `name:"start" env:"SINK_START" default:"earliest" placeholder:"WHERE" help:"Where a topic begins that the database does not know yet: earliest, latest, committed (the group's offsets in Kafka), an offset, or an RFC 3339 time. Later starts go on where the database says."`
	OnDataLoss     string        `name:"on-data-loss" env:"SINK_ON_DATA_LOSS" default:"halt" enum:"halt,skip" help:"When records are gone from Kafka before they were read: halt that partition, or skip the range, count it as lost and record it in sink_events."`
	MaxDeadLetters string        `name:"max-dead-letters" env:"SINK_MAX_DEAD_LETTERS" default:"90%" placeholder:"LIMIT" help:"Halt a partition instead of storing more dead letters: a share of its last 1,000 records such as 90%, a number that it may have in all, or off."`
	Migrate        bool          `name:"migrate" env:"SINK_MIGRATE" help:"Bring the tables up to date first, as sink migrate up does."`
	MemoryBytes    int           `name:"memory-bytes" env:"SINK_MEMORY_BYTES" default:"${memory_bytes}" placeholder:"N" help:"Bytes for the buffers of all partitions together."`
	MaxBatchBytes  int           `name:"max-batch-bytes" env:"SINK_MAX_BATCH_BYTES" default:"${max_batch_bytes}" placeholder:"N" help:"Largest record batch that is read, compressed or not; a larger one halts its partition."`
	Connections    int           `name:"connections" env:"SINK_CONNECTIONS" default:"0" placeholder:"N" help:"Connections to PostgreSQL; 0 chooses 2 to 4 by the number of processors."`
	SessionTimeout time.Duration `name:"session-timeout" env:"SINK_SESSION_TIMEOUT" default:"10s" placeholder:"DURATION" help:"How long the group waits for a silent member before others take its partitions over."`
	DrainTimeout   time.Duration `name:"drain-timeout" env:"SINK_DRAIN_TIMEOUT" default:"4s" placeholder:"DURATION" help:"How long a stop or a rebalance waits for transactions in flight before they are rolled back."`
	httpOptions
}

// config turns the flags into settings. Faults are usage errors; nothing is dialed.
func (o *moveOptions) config(log *slog.Logger) (sink.Config, error) {
	cfg := sink.DefaultConfig()
	url, err := o.url()
	if err != nil {
		return cfg, err
	}
	cfg.DatabaseURL = url
	brokers, err := o.kafkaConfig(cfg.ClientID, log)
	if err != nil {
		return cfg, err
	}
	cfg.Brokers, cfg.ClientID, cfg.TLS, cfg.Login = brokers.Brokers, brokers.ClientID, brokers.TLS, brokers.Login
	cfg.Topics, cfg.Group = o.Topics, o.Group
	if cfg.Start, err = sink.ParseStart(o.Start); err != nil {
		return cfg, usageError(fmt.Errorf("--start: %w", err))
	}
	if cfg.MaxDeadLetters, err = sink.ParseDeadLetterLimit(o.MaxDeadLetters); err != nil {
		return cfg, usageError(fmt.Errorf("--max-dead-letters: %w", err))
	}
	cfg.OnDataLoss = sink.DataLoss(o.OnDataLoss)
	cfg.MemoryBytes, cfg.MaxBatchBytes = o.MemoryBytes, o.MaxBatchBytes
	if o.Connections != 0 {
		cfg.Connections = o.Connections
	}
	cfg.SessionTimeout, cfg.DrainTimeout = o.SessionTimeout, o.DrainTimeout
	cfg.Logger = log
	if err := cfg.Validate(); err != nil {
		return cfg, usageError(err)
	}
	return cfg, nil
}

// with checks the settings and the tables, opens the sink and its HTTP address, calls move, and closes everything again. What fails because a
// signal came before anything was read is sink.ErrStoppedEarly.
func (o *moveOptions) with(ctx context.Context, log *slog.Logger, move func(*sink.Sink) error) error {
	cfg, err := o.config(log)
	if err != nil {
		return err
	}
	access, err := o.access()
	if err != nil {
		return err
	}
	limitMemory(cfg)
	if err := checkTables(ctx, cfg.DatabaseURL, o.Migrate, log); err != nil {
		if ctx.Err() != nil {
			return sink.ErrStoppedEarly
		}
		return err
	}
	registry := prometheus.NewRegistry()
	if err := registerBuild(registry); err != nil {
		return err
	}
	s, err := sink.New(cfg, registry) //nolint:contextcheck // it dials nothing
	if err != nil {
		return err
	}
	defer s.Close()
	stopServing, err := serveHTTP(ctx, access, cfg, s, registry, log)
	if err != nil {
		return err
	}
	defer stopServing()
	return explain(move(s))
}

// explain gives an error of the sink its exit code.
func explain(err error) error {
	var environment *sink.EnvironmentError
	switch {
	case errors.As(err, &environment):
		return environmentError(err)
	case errors.Is(err, sink.ErrNoCommittedOffset):
		return usageError(err)
	}
	return err
}

// checkTables brings the tables up to date if asked to, else makes sure that they are not older than this binary.
func checkTables(ctx context.Context, url string, migrate bool, log *slog.Logger) error {
	if migrate {
		applied, version, err := migrations.Up(ctx, url)
		if err != nil {
			return environmentError(err)
		}
		log.InfoContext(ctx, "migrated", "applied", applied, "version", version)
		return nil
	}
	version, dirty, err := migrations.Version(ctx, url)
	switch {
	case err != nil:
		return environmentError(err)
	case dirty:
		return environmentError(fmt.Errorf("a migration to version %d was interrupted: run: sink migrate up --recover", version))
	case version < migrations.Newest():
		return environmentError(fmt.Errorf("the tables are at version %d and this binary needs %d: run: sink migrate up (or add --migrate)", version, migrations.Newest()))
	case version > migrations.Newest():
		log.WarnContext(ctx, "the tables are newer than this binary", "version", version, "known", migrations.Newest())
	}
	return nil
}

// limitMemory tells the garbage collector what the buffers may take, so that garbage does not double it. GOMEMLIMIT, if set, stays.
func limitMemory(cfg sink.Config) {
	const rest = 64 << 20 // code, goroutines, connections
	if unset := debug.SetMemoryLimit(-1) == 1<<63-1; unset {
		debug.SetMemoryLimit(int64(cfg.MemoryBytes) + rest)
	}
}
