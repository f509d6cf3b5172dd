// Bench measures how close the sink comes to the speed of COPY itself:
//
//	go run ./bench                       all of it, on a machine that does nothing else
//	go run ./bench -parts backfill -dialects tlc -partitions 4 -codecs none -rides 4000000
//	go run ./bench -short                whether it still works
//
// It starts a real Kafka and PostgreSQL with default durability, builds the sink, and lets it move topics as a user would. The floor is what
// PostgreSQL needs for COPY of the same rows, already encoded, from memory; floor and sink are measured in turns, so that what slows the
// machine for a while slows both.
//
//	options.go     flags; plan.go: which cases, and how long they take
//	servers.go     Kafka, PostgreSQL and what they are set to; topics.go: rides in Kafka, and what they add up to
//	rows.go        encoded rows, as the sink would send them; floor.go: COPY of them
//	backfill.go    the sink as a process; watch.go, usage.go: what processes use
//	cases.go       floor and sink in turns; stages.go: fetch and decode alone
//	columns.go     what columns cost; settings.go: what PostgreSQL's settings do
//	latency.go     from produce to visible, which the package bench/latency measures
//	report.go      results; tables.go, text.go, markdown.go, chart.go: how they are shown; statistics.go, machine.go
//
// The comparison with others is bench/peers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	p := newPlan(o)
	fmt.Fprintf(stderr, "%d cases, %d runs each: about %s\n", len(p.cases), o.runs, p.estimate().Round(time.Minute/2))
	s, err := startServers(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	r := newReport(ctx, s, args)
	b := bench{servers: s, runs: o.runs, progress: stderr, report: r}
	began := time.Now()
	err = b.measure(ctx, p)
	r.TookSeconds = time.Since(began).Seconds()
	r.writeText(stdout)
	if err != nil {
		return errors.Join(err, r.writeJSON(o.json)) // what was measured before is not lost, nor taken for the whole
	}
	if o.tiny {
		fmt.Fprintln(stdout, "\nThese numbers only show that it works: -short is too little to measure.")
	}
	return r.writeFiles(o)
}
