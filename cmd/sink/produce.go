package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/segmentio/kafka-go"

	"ridesink/internal/plural"
	"ridesink/internal/servers"
	"ridesink/schema"
)

// produceCmd is `sink produce`: rides into a topic.
type produceCmd struct {
	kafkaOptions
	quietOption
	File        string         `arg:"" optional:"" complete:"files" help:"Rides as .csv or .parquet (as the TLC publishes them) or .jsonl; - is stdin."`
	Format      string         `name:"format" default:"auto" enum:"auto,csv,parquet,jsonl" placeholder:"FORMAT" help:"Format of FILE, if its name does not tell: csv, parquet or jsonl."`
	Synthetic   int64          `name:"synthetic" placeholder:"N" help:"Send N made-up rides instead of a file."`
	Seed        uint64         `name:"seed" default:"1" placeholder:"S" help:"Of the made-up rides: the same seed makes the same ones."`
	Topic       string         `name:"topic" env:"KAFKA_TOPIC" default:"rides" placeholder:"TOPIC" help:"Where to send them."`
	Partitions  int            `name:"partitions" default:"0" placeholder:"N" help:"Create the topic with so many partitions if it does not exist."`
	Dialect     schema.Dialect `name:"dialect" default:"tlc" placeholder:"DIALECT" help:"How to write a ride: tlc, snake, minimal, green-csv, green-frame or java."`
	Key         string         `name:"key" default:"pickup" enum:"none,pickup,random" placeholder:"KEY" help:"Key of a record: pickup (PULocationID in decimal), random, or none."`
	Rate        float64        `name:"rate" default:"0" placeholder:"N" help:"At most so many rides a second; 0 is as fast as possible."`
	Compression string         `name:"compression" default:"none" enum:"none,gzip,snappy,lz4,zstd" placeholder:"CODEC" help:"none, gzip, snappy, lz4 or zstd."`
	JSON        bool           `name:"json" help:"Print the summary as one JSON object."`
}

// Help is shown by sink produce --help.
func (*produceCmd) Help() string {
	return `Sends each ride as a JSON record and waits until all replicas that are in sync have it. What is not acknowledged is sent again, so a broker
that fails in between can leave a ride in the topic twice. A signal ends it: rides on their way are finished, and the summary says what arrived.

Examples:
  sink produce --topic rides --partitions 4 --synthetic 100000
  sink produce --topic rides yellow_tripdata_2020-07.parquet
  zcat rides.jsonl.gz | sink produce --format jsonl --rate 1000 -`
}

// check finds what cannot be meant, before anything is opened.
func (c *produceCmd) check() error {
	var faults []error
	if (c.File == "") == (c.Synthetic == 0) {
		faults = append(faults, errors.New("name either a FILE or --synthetic N"))
	}
	if c.Synthetic < 0 {
		faults = append(faults, fmt.Errorf("--synthetic %d: must be 1 or more", c.Synthetic))
	}
	if c.Partitions < 0 || c.Partitions > 100_000 {
		faults = append(faults, fmt.Errorf("--partitions %d: must be from 1 to 100000, or 0 for a topic that exists", c.Partitions))
	}
	if !(c.Rate >= 0) || c.Rate > 1e9 {
		faults = append(faults, fmt.Errorf("--rate %g: must be 0 or more rides a second", c.Rate))
	}
	if c.Topic == "" {
		faults = append(faults, errors.New("--topic: must not be empty"))
	}
	if err := errors.Join(faults...); err != nil {
		return usageError(err)
	}
	return nil
}

// Run sends the rides and prints a summary of what was acknowledged, also if it ends early.
func (c *produceCmd) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	rides, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rides.Close()) }()
	cfg, err := c.kafkaConfig("ridesink-produce", log)
	if err != nil {
		return err
	}
	cfg.Topics, cfg.NetworkTimeout = []string{c.Topic}, metadataTimeout
	brokers, err := servers.OpenKafka(cfg)
	if err != nil {
		return usageError(err)
	}
	defer brokers.Close()
	topic := topicAt{name: c.Topic, brokers: c.Brokers, log: log, kafka: brokers}
	partitions, err := topic.ensure(ctx, c.Partitions)
	if err != nil {
		return err
	}
	s := newSender(c.Brokers, c.Topic, partitions, codec(c.Compression), c.Key != "none", brokers.Transport, log)
	began := time.Now()
	pumping := pump{rides: rides, sender: s, dialect: c.Dialect, key: c.Key, rate: c.Rate, log: log}
	err = pumping.run(ctx)
	err = errors.Join(err, s.close())
	sum := summarize(c.Topic, s.counted(), time.Since(began))
	if err != nil {
		err = fmt.Errorf("%w: %s %s acknowledged before", err, plural.Of(sum.Records, "ride"), plural.Either(sum.Records, "was", "were"))
	}
	return errors.Join(err, sum.write(stdout, c.JSON))
}

// open opens the file, or the generator.
func (c *produceCmd) open(ctx context.Context) (source, error) {
	if c.Synthetic > 0 {
		return newSyntheticSource(c.Synthetic, c.Seed, c.Dialect), nil
	}
	return openSource(ctx, c.File, c.Format, os.Stdin)
}

// codec is kafka-go's name of a compression; 0 is none.
func codec(name string) kafka.Compression {
	switch name {
	case "gzip":
		return kafka.Gzip
	case "snappy":
		return kafka.Snappy
	case "lz4":
		return kafka.Lz4
	case "zstd":
		return kafka.Zstd
	}
	return 0
}

// produceSummary is what was acknowledged.
type produceSummary struct {
	Topic            string           `json:"topic"`
	Records          int64            `json:"records"`
	Bytes            int64            `json:"bytes"` // of keys and values, before compression
	TookSeconds      float64          `json:"took_seconds"`
	RecordsPerSecond float64          `json:"records_per_second"`
	Partitions       []partitionCount `json:"partitions"`
}

func summarize(topic string, counts []partitionCount, took time.Duration) *produceSummary {
	sum := &produceSummary{Topic: topic, TookSeconds: took.Seconds(), Partitions: counts}
	for _, c := range counts {
		sum.Records += c.Records
		sum.Bytes += c.Bytes
	}
	sum.RecordsPerSecond = float64(sum.Records) / max(took.Seconds(), 1e-9)
	return sum
}

func (s *produceSummary) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "partition\trecords\tbytes\t")
	for _, p := range s.Partitions {
		fmt.Fprintf(table, "%s/%d\t%d\t%d\t\n", s.Topic, p.Partition, p.Records, p.Bytes)
	}
	fmt.Fprintf(table, "total\t%d\t%d\t\n", s.Records, s.Bytes)
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	_, err := fmt.Fprintf(w, "%s in %s s, %.0f rides/s\n", plural.Of(s.Records, "ride"), strconv.FormatFloat(s.TookSeconds, 'f', 1, 64), s.RecordsPerSecond)
	return err
}
