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
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// options are the flags.
type options struct {
	rides     int64
	slowRides int64
	runs      int
	peers     string
	kill      bool
	markdown  string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var short bool
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Int64Var(&o.rides, "rides", 1_000_000, "how many rides each peer moves in a turn")
	flags.Int64Var(&o.slowRides, "slow-rides", 50_000, "how many rides the Python consumer moves: a few thousand take it a second")
	flags.IntVar(&o.runs, "runs", 5, "how many undisturbed turns each peer gets; 0: only kill them")
	flags.StringVar(&o.peers, "peers", "ridesink,flink,debezium,python", "which peers")
	flags.BoolVar(&o.kill, "kill", true, "also kill each peer half way, and count what is there twice or lost")
	flags.StringVar(&o.markdown, "markdown", "", "the `document` whose part about peers is replaced")
	flags.BoolVar(&short, "short", false, "20,000 rides, one turn, to see that it works; no measurement")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if short {
		o.rides, o.slowRides, o.runs = 20_000, 2_000, 1
	}
	o.slowRides = min(o.slowRides, o.rides)
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%s: only flags are understood", flags.Arg(0))
	case o.slowRides < 2 || o.runs < 0:
		return o, errors.New("-rides and -slow-rides must be 2 or more, -runs 0 or more")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	chosen, err := choose(o.peers)
	if err != nil {
		return err
	}
	s, err := startServers(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	fmt.Fprintln(stderr, "fetching and building; the first time that takes minutes")
	for _, p := range chosen {
		if err := p.fetch(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	c := comparison{servers: s, options: o, progress: stderr, began: time.Now()}
	if err := c.measure(ctx, chosen); err != nil {
		return err
	}
	c.took = time.Since(c.began)
	c.writeText(stdout)
	if o.markdown != "" {
		if err := updateDocument(o.markdown, c.markdown()); err != nil {
			return err
		}
	}
	return c.failure()
}
