package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
)

// This file holds the flags that commands share. Each command embeds the groups that it needs; run.go and backfill.go turn them
// into a sink.Config. Those of Kafka's brokers are in kafka_options.go.

// topicsOptions say which topics to read, and as which consumer group.
type topicsOptions struct {
	Topics []string `name:"topics" env:"KAFKA_TOPICS" default:"rides" sep:"," placeholder:"TOPIC" help:"Topics to read, comma-separated."`
	Group  string   `name:"group" env:"KAFKA_GROUP_ID" default:"ridesink" placeholder:"NAME" help:"Consumer group: members that share it share the partitions."`
}

// quietOption is for commands that take their time and print a result at the end.
type quietOption struct {
	Quiet bool `name:"quiet" short:"q" help:"On stderr only warnings and errors: no progress, no info log lines. The summary is printed."`
}

// databaseOptions say which database to write to.
type databaseOptions struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL, as postgres://USER@HOST:PORT/DB or key=value pairs. Without it the PG* variables count. A secret: prefer DATABASE_URL or DATABASE_URL_FILE to the flag."`
}

// url returns the connection string: the flag or DATABASE_URL, else the content of the file that DATABASE_URL_FILE names, else ""
// (the PG* variables decide). It is parsed here, before anything is dialed, so that a typing error is a usage error.
func (o databaseOptions) url() (string, error) {
	url, err := secret(o.DatabaseURL, "DATABASE_URL")
	if err != nil {
		return "", err
	}
	_, err = pgx.ParseConfig(url)
	// A blank belongs to no URL, but would be taken for a part of the database's name, with all that follows: a file with two lines, say.
	if err != nil || strings.Contains(url, "://") && strings.ContainsFunc(url, unicode.IsSpace) {
		// The error repeats the string, with the password hidden as best it can: it is left out.
		return "", usageError(errors.New("--database-url (or DATABASE_URL, or a PG* variable) cannot be read; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters in the password percent-encoded"))
	}
	return url, nil
}

// secret returns value, else the trimmed content of the file named by the environment variable name_FILE, else "".
func secret(value, name string) (string, error) {
	path := os.Getenv(name + "_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", usageError(fmt.Errorf("both %s and %s_FILE are set; set one of them", name, name))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		var perr *os.PathError
		if errors.As(err, &perr) {
			err = perr.Err
		}
		return "", usageError(fmt.Errorf("%s_FILE: read %s: %w", name, path, err))
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}
