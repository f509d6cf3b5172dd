package main

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"ridesink/internal/servers"
	"ridesink/sink"
)

// This file opens PostgreSQL and Kafka for the commands that compare, move or show what the sink stored; run and backfill leave that to the sink.

// bothServers is PostgreSQL, with tables that are not older than this binary, and Kafka.
type bothServers struct {
	db    *pgxpool.Pool
	kafka *servers.Kafka
}

// openServers asks PostgreSQL for the version of the tables, and dials nothing else. Errors carry their exit code. The caller closes what it returns.
func openServers(ctx context.Context, database databaseOptions, brokers kafkaOptions, topics []string, connections, maxBatchBytes int, log *slog.Logger) (*bothServers, error) {
	url, err := database.url()
	if err != nil {
		return nil, err
	}
	cfg, err := brokers.kafkaConfig(sink.DefaultConfig().ClientID, log)
	if err != nil {
		return nil, err
	}
	cfg.Topics, cfg.MaxBatchBytes = topics, maxBatchBytes
	if err := checkTables(ctx, url, false, log); err != nil {
		return nil, err
	}
	db, err := servers.OpenDatabase(ctx, url, connections)
	if err != nil {
		return nil, err
	}
	kafka, err := servers.OpenKafka(cfg)
	if err != nil {
		db.Close()
		return nil, usageError(err)
	}
	return &bothServers{db: db, kafka: kafka}, nil
}

// Close closes connections.
func (s *bothServers) Close() {
	s.kafka.Close()
	s.db.Close()
}
