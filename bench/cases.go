package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// cases.go: floor and sink in turns.

// bench is a run of this program.
type bench struct {
	servers  *environment
	runs     int
	progress io.Writer
	report   *report
}

// measure goes through the plan. A case that fails ends it: numbers of a sink that loses rides are worth nothing.
func (b *bench) measure(ctx context.Context, p plan) error {
	if len(p.cases) > 0 {
		if err := b.warmUp(ctx, p.cases[0].shape); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	for i, t := range p.cases {
		began := time.Now()
		fmt.Fprintf(b.progress, "%d of %d: %s: %s", i+1, len(p.cases), t.part, t.shape)
		if err := b.task(ctx, t); err != nil {
			fmt.Fprintln(b.progress)
			return fmt.Errorf("%s: %s: %w", t.part, t.shape, err)
		}
		fmt.Fprintf(b.progress, ", %.0f s\n", time.Since(began).Seconds())
	}
	if p.latency == nil {
		return nil
	}
	fmt.Fprintln(b.progress, "latency")
	if err := b.latency(ctx, *p.latency); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	return nil
}

// warmUps is how often the first topic is moved before anything is measured: Kafka's processor time a ride is half as much again the first time,
// when its code is not compiled yet, as after that.
const warmUps = 3

// warmUp moves a topic without measuring it.
func (b *bench) warmUp(ctx context.Context, s shape) (err error) {
	topic, err := b.servers.produce(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.servers.drop(context.WithoutCancel(ctx), topic)) }()
	for range warmUps {
		if _, err := b.servers.sinks(ctx, topic, 1); err != nil {
			return err
		}
	}
	return nil
}

// task measures with a topic of its own.
func (b *bench) task(ctx context.Context, t task) (err error) {
	topic, err := b.servers.produce(ctx, t.shape)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.servers.drop(context.WithoutCancel(ctx), topic)) }()
	held, err := b.servers.chunks(ctx, topic)
	if err != nil {
		return err
	}
	switch {
	case t.columns:
		b.report.Columns, err = b.servers.columns(ctx, held, t.shape.Rides, b.runs)
		return err
	case t.tune:
		b.report.TunedRides = t.shape.Rides
		b.report.Tuned, err = b.servers.tune(ctx, topic, b.runs)
		return err
	}
	results := b.report.begin(t)
	for n := range b.runs {
		if err := b.turn(ctx, results, topic, held); err != nil {
			return fmt.Errorf("run %d: %w", n+1, err)
		}
	}
	return nil
}

// turn measures everything of a case once.
func (b *bench) turn(ctx context.Context, c *result, topic *topic, held []chunk) error {
	for i := range c.Floors {
		r, err := b.servers.floor(ctx, held, topic.Rides, c.Floors[i].Number)
		if err != nil {
			return fmt.Errorf("floor on %d connections: %w", c.Floors[i].Number, err)
		}
		c.Floors[i].Runs = append(c.Floors[i].Runs, r)
	}
	for i := range c.Sinks {
		r, err := b.servers.sinks(ctx, topic, c.Sinks[i].Number)
		if err != nil {
			return fmt.Errorf("%d sinks: %w", c.Sinks[i].Number, err)
		}
		c.Sinks[i].Runs = append(c.Sinks[i].Runs, r)
	}
	if c.Stages != nil {
		return b.servers.stages(ctx, topic, c.Stages)
	}
	return nil
}
