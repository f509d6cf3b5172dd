// Demo shows ridesink at work on one machine: it starts PostgreSQL and an embedded Kafka, sends rides in every dialect and a few bad records
// with `sink produce`, moves them with `sink backfill`, and asks PostgreSQL three questions. It is the only program that links the
// embedded Kafka; the sink that it runs is the real binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ridesink/internal/localenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var d demo
	flag.StringVar(&d.sink, "sink", "bin/sink", "the sink binary to run")
	flag.StringVar(&d.rides, "rides", "", "a file of rides (.csv, .parquet or .jsonl) instead of synthetic ones")
	flag.IntVar(&d.count, "count", 100_000, "how many synthetic rides")
	flag.BoolVar(&d.keep, "keep", false, "leave both servers up until Ctrl-C")
	bad := flag.String("bad-to", "", "only send the five bad records, to the topic rides of this broker")
	flag.Parse()
	show := d.run
	if *bad != "" {
		show = func(ctx context.Context) error { return produceBad(ctx, *bad) }
	}
	if err := show(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// demo is one showing.
type demo struct {
	sink  string
	rides string
	count int
	keep  bool

	brokers, database string
}

// topic is what the course calls it.
const topic = "rides"

func (d *demo) run(ctx context.Context) (err error) {
	began := time.Now()
	say("Starting PostgreSQL and an embedded Kafka (the first time PostgreSQL may have to be fetched)")
	postgres, err := localenv.StartPostgres(ctx, localenv.PostgresOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, postgres.Stop()) }()
	kafka, err := localenv.StartFakeKafka(localenv.FakeOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kafka.Stop()) }()
	d.brokers, d.database = kafka.Brokers()[0], postgres.URL()

	if err := d.command(ctx, "migrate", "up"); err != nil {
		return err
	}
	if err := d.produce(ctx); err != nil {
		return err
	}
	say("Moving them into PostgreSQL")
	var exit *exec.ExitError
	if err := d.command(ctx, "backfill"); errors.As(err, &exit) && exit.ExitCode() == 4 {
		fmt.Println("(exit code 4: done, and there are dead letters, as there should be)")
	} else if err != nil {
		return err
	}
	if err := d.ask(ctx); err != nil {
		return err
	}
	fmt.Printf("\nAll of it took %.1f s.\n", time.Since(began).Seconds())
	if d.keep {
		return d.wait(ctx)
	}
	return nil
}

// produce sends the user's file, or synthetic rides in all dialects and five bad records.
func (d *demo) produce(ctx context.Context) error {
	if d.rides != "" {
		say("Sending the rides of " + d.rides)
		return d.command(ctx, "produce", "--topic", topic, "--partitions", "4", d.rides)
	}
	say(fmt.Sprintf("Sending %d rides, in each of the six dialects of the course's producers", d.count))
	dialects := []string{"tlc", "snake", "minimal", "green-csv", "green-frame", "java"}
	for i, dialect := range dialects {
		n := (d.count - i + len(dialects) - 1) / len(dialects)
		err := d.command(ctx, "produce", "--topic", topic, "--partitions", "4", "--dialect", dialect, "--synthetic", strconv.Itoa(n), "--seed", strconv.Itoa(i+1))
		if err != nil {
			return err
		}
	}
	say("Sending five records that are no rides")
	return produceBad(ctx, d.brokers)
}

// command runs the sink as a user would.
func (d *demo) command(ctx context.Context, args ...string) error {
	fmt.Printf("$ sink %s\n", strings.Join(args, " "))
	c := exec.CommandContext(ctx, d.sink, args...)
	c.Env = append(os.Environ(), "KAFKA_BROKERS="+d.brokers, "DATABASE_URL="+d.database, "LOG_LEVEL=warn")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	if err := c.Run(); err != nil {
		return fmt.Errorf("sink %s: %w", args[0], err)
	}
	return nil
}

// wait keeps the servers until a signal.
func (d *demo) wait(ctx context.Context) error {
	fmt.Printf("\nBoth servers stay up until Ctrl-C. In another terminal:\n\n  export KAFKA_BROKERS=%s\n  export DATABASE_URL=%s\n  psql $DATABASE_URL\n", d.brokers, d.database)
	<-ctx.Done()
	return nil
}

func say(what string) { fmt.Printf("\n== %s\n", what) }
