package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"ridesink/internal/localenv"
)

// servers.go: what all peers have in common.

// servers are Kafka and PostgreSQL, and a directory for files. Its owner calls stop.
type servers struct {
	kafka    *localenv.Kafka
	postgres *localenv.Postgres
	brokers  []string
	conn     *pgx.Conn
	url      *url.URL // of the database
	scratch  *localenv.Scratch
	dir      string // of scratch
}

// startServers starts PostgreSQL with its defaults, but that it notes when each transaction was committed: turns are measured by that.
func startServers(ctx context.Context) (_ *servers, err error) {
	s := &servers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	if s.scratch, err = localenv.NewScratch("ridesink-peers-"); err != nil {
		return nil, err
	}
	s.dir = s.scratch.Dir()
	starting, startCtx := errgroup.WithContext(ctx)
	starting.Go(func() (err error) {
		s.postgres, err = localenv.StartPostgres(startCtx, localenv.PostgresOptions{Settings: map[string]string{"track_commit_timestamp": "on"}})
		return err
	})
	starting.Go(func() (err error) {
		s.kafka, err = localenv.StartKafka(startCtx, localenv.KafkaOptions{})
		return err
	})
	if err := starting.Wait(); err != nil {
		return nil, err
	}
	s.brokers = s.kafka.Brokers()
	if s.url, err = url.Parse(s.postgres.URL()); err != nil {
		return nil, err
	}
	if s.conn, err = pgx.Connect(ctx, s.postgres.URL()); err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return s, nil
}

// databaseURL is the database with one more parameter.
func (s *servers) databaseURL(key, value string) string {
	u := *s.url
	u.RawQuery = url.Values{key: {value}}.Encode()
	return u.String()
}

// jdbcURL is the database as Java knows it, with a schema's tables. Further parameters begin with &.
func (s *servers) jdbcURL(schema string) string {
	return "jdbc:postgresql://" + s.url.Host + s.url.Path + "?currentSchema=" + schema
}

func (s *servers) user() string { return s.url.User.Username() }

func (s *servers) password() string {
	password, _ := s.url.User.Password()
	return password
}

// stop ends and removes all, also when ctx has ended.
func (s *servers) stop(ctx context.Context) error {
	var err error
	if s.conn != nil {
		err = s.conn.Close(context.WithoutCancel(ctx))
	}
	if s.kafka != nil {
		err = errors.Join(err, s.kafka.Stop())
	}
	if s.postgres != nil {
		err = errors.Join(err, s.postgres.Stop())
	}
	if s.scratch != nil {
		err = errors.Join(err, s.scratch.Remove())
	}
	return err
}
