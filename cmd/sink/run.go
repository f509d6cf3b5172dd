package main

import (
	"context"
	"errors"
	"log/slog"

	"ridesink/sink"
)

// runCmd is `sink run`: for ever, until a signal.
type runCmd struct {
	moveOptions
}

// Help is shown by sink run --help.
func (*runCmd) Help() string {
	return `Moves records as they come until SIGTERM or SIGINT, then finishes the transactions in flight, leaves the group and exits 0; 1 if a
partition is halted then.
A second signal exits at once with 130; nothing is lost then either.

Examples:
  sink run --migrate --http-addr localhost:8080
  sink run --brokers kafka-1:9092,kafka-2:9092 --topics rides,rides_green --start 2020-07-01T00:00:00Z`
}

// Run moves records until ctx ends.
func (c *runCmd) Run(ctx context.Context, log *slog.Logger) error {
	err := c.with(ctx, log, func(s *sink.Sink) error { return s.Run(ctx) })
	if errors.Is(err, sink.ErrStoppedEarly) {
		return nil // as a run that was stopped later
	}
	return err
}
