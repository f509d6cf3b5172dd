package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// comparison.go: all turns of all peers, in an order that is fair: one turn of each, then the next of each.

type comparison struct {
	servers     *servers
	options     options
	progress    io.Writer
	many, few   *topic
	results     []*result
	began       time.Time
	took        time.Duration
	machineLine string
}

// result is all that a peer showed.
type result struct {
	peer     *peer
	topic    *topic
	turns    []speed
	killed   *damage
	tooQuick bool // to be killed
	failed   []error
}

// measure runs all turns. A peer that fails does not end the others; failure has it. The error is that of ours.
func (c *comparison) measure(ctx context.Context, chosen []*peer) (err error) {
	c.machineLine = machine(ctx)
	if c.many, err = produce(ctx, c.servers.brokers, "rides", c.options.rides); err != nil {
		return err
	}
	if c.few, err = produce(ctx, c.servers.brokers, "few-rides", c.options.slowRides); err != nil {
		return err
	}
	for _, p := range chosen {
		r := &result{peer: p, topic: c.many}
		if p.slow {
			r.topic = c.few
		}
		c.results = append(c.results, r)
	}
	for n := range c.options.runs {
		for _, r := range c.results {
			turned, err := undisturbed(ctx, c.servers, r.peer, r.topic, strconv.Itoa(n+1))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				c.note(r, fmt.Errorf("turn %d: %w", n+1, err))
				continue
			}
			r.turns = append(r.turns, turned)
			fmt.Fprintf(c.progress, "turn %d, %s: %s\n", n+1, r.peer.name, turned)
		}
	}
	if !c.options.kill {
		return nil
	}
	for _, r := range c.results {
		left, err := disturbed(ctx, c.servers, r.peer, r.topic, "killed")
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, errTooQuick) {
			fmt.Fprintf(c.progress, "%s: %v\n", r.peer.name, err)
			r.tooQuick = true
			continue
		}
		if err != nil {
			c.note(r, fmt.Errorf("killed half way: %w", err))
			continue
		}
		r.killed = &left
		fmt.Fprintf(c.progress, "killed at %d rows, %s: %d stored twice, %d lost\n", left.atKill, r.peer.name, left.twice, left.lost)
	}
	return nil
}

// note keeps a failure of a peer, and says it at once.
func (c *comparison) note(r *result, err error) {
	r.failed = append(r.failed, err)
	fmt.Fprintf(c.progress, "%s: %v\n", r.peer.name, err)
}

// failure is all that failed, and any ride that the sink itself stored twice or lost.
func (c *comparison) failure() error {
	var all []error
	for _, r := range c.results {
		for _, err := range r.failed {
			all = append(all, fmt.Errorf("%s: %w", r.peer.name, err))
		}
		if k := r.killed; k != nil && r.peer.name == "ridesink" && (k.twice != 0 || k.lost != 0 || k.amountsDiffer) {
			all = append(all, errors.New("ridesink did not keep its promise after the kill"))
		}
	}
	return errors.Join(all...)
}

func (s speed) String() string {
	return fmt.Sprintf("%.0f rides/s from the first commit to the last, %.1f s in all, %.1f s of CPU, peak %d MiB",
		s.perSecond, s.whole.Seconds(), s.cpu.Seconds(), s.peak>>20)
}
