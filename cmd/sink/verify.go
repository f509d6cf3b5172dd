package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"

	"ridesink/internal/plural"
	"ridesink/internal/servers"
	"ridesink/internal/verify"
	"ridesink/sink"
)

// verifyCmd is `sink verify`: the tables against the topics.
type verifyCmd struct {
	kafkaOptions
	databaseOptions
	formatOptions
	quietOption
	Topics        []string `name:"topics" env:"KAFKA_TOPICS" default:"rides" sep:"," placeholder:"TOPIC" help:"Topics to compare, comma-separated."`
	Partitions    []string `name:"partition" sep:"," placeholder:"PARTITION" help:"Only these partitions, as topic/3, or 3 of each topic."`
	From          int64    `name:"from" default:"0" placeholder:"OFFSET" help:"Only from this offset of each partition on."`
	To            int64    `name:"to" default:"-1" placeholder:"OFFSET" help:"Only up to this offset, itself not included. Default: the position in sink_ledger."`
	Sample        string   `name:"sample" placeholder:"SHARE" help:"Only a share of the offsets, such as 1% or 0.01, in whole ranges of 1,024."`
	Seed          uint64   `name:"seed" default:"1" placeholder:"N" help:"Chooses the ranges of --sample; the same seed chooses the same."`
	MaxBatchBytes int      `name:"max-batch-bytes" env:"SINK_MAX_BATCH_BYTES" default:"${max_batch_bytes}" placeholder:"N" help:"Largest record batch that is read, compressed or not."`
	JSON          bool     `name:"json" help:"Print the result as one JSON object."`
}

// Help is shown by sink verify --help.
func (*verifyCmd) Help() string {
	return `Reads the topics again, up to the positions in sink_ledger, and compares every record with rides and sink_dead_letters, value by value. It changes
nothing, and a sink may go on writing: PostgreSQL shows one moment. Exit codes: 0 proven, 5 not proven (the first differences are named), 3 a
server is not as expected, 1 failed.

PostgreSQL sorts the rows of a topic, in temporary files of about the size of what is compared (--partition, --from, --to and --sample make that
less; an index on kafka_topic, kafka_partition, kafka_offset makes it needless), and keeps one snapshot open meanwhile.

Examples:
  sink verify
  sink verify --sample 1% --seed 7
  sink verify --partition rides/3 --from 4000 --to 5000 --json`
}

// Run compares and prints.
func (c *verifyCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer, stderr *terminal) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	if cfg.Formats, err = c.formats(ctx); err != nil {
		return err
	}
	limitVerifyMemory()
	both, err := openServers(ctx, c.databaseOptions, c.kafkaOptions, c.Topics, verify.Connections, c.MaxBatchBytes, log)
	if err != nil {
		return err
	}
	defer both.Close()
	progress := newProgress(stderr, log, c.Quiet)
	report, err := verify.Run(ctx, both.db, both.kafka, cfg, func(p verify.Progress) {
		progress.show(sink.Progress{Done: p.Done, Total: p.Total, Partitions: p.Partitions})
	})
	progress.end()
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped before the end: nothing is proven")
	case verify.IsUsage(err):
		return usageError(err)
	case err != nil:
		return explain(err)
	}
	return c.print(stdout, report)
}

// config turns the flags into settings. Faults are usage errors.
func (c *verifyCmd) config() (verify.Config, error) {
	cfg := verify.Config{Topics: c.Topics, From: c.From, To: c.To, Seed: c.Seed, MaxBatchBytes: c.MaxBatchBytes}
	var faults []error
	for _, text := range c.Partitions {
		place, err := servers.ParsePlace(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--partition: %w", err))
		}
		cfg.Partitions = append(cfg.Partitions, place)
	}
	if c.Sample != "" {
		share, err := verify.ParseShare(c.Sample)
		if err != nil {
			faults = append(faults, fmt.Errorf("--sample: %w", err))
		}
		cfg.Share = share
	}
	if c.From < 0 || c.To < -1 || c.To >= 0 && c.To <= c.From {
		faults = append(faults, fmt.Errorf("--from %d --to %d holds no offset", c.From, c.To))
	}
	if c.MaxBatchBytes < 1<<20 || c.MaxBatchBytes > 1<<30 {
		faults = append(faults, fmt.Errorf("--max-batch-bytes is %d: 1 MiB (1048576) to 1 GiB", c.MaxBatchBytes))
	}
	seen := map[string]bool{}
	for _, topic := range c.Topics {
		if topic == "" || seen[topic] {
			faults = append(faults, errors.New("--topics holds an empty name, or one twice"))
		}
		seen[topic] = true
	}
	if len(c.Topics) == 0 {
		faults = append(faults, errors.New("--topics is empty: name at least one topic"))
	}
	if len(faults) > 0 {
		return cfg, usageError(errors.Join(faults...))
	}
	return cfg, nil
}

// limitVerifyMemory tells the garbage collector how little is needed: a few buffers. GOMEMLIMIT, if set, stays.
func limitVerifyMemory() {
	const enough = 96 << 20
	if unset := debug.SetMemoryLimit(-1) == 1<<63-1; unset {
		debug.SetMemoryLimit(enough)
	}
}

// print writes the result and returns the error that goes with the exit code.
func (c *verifyCmd) print(stdout io.Writer, report *verify.Report) error {
	code := exitDone
	if !report.Proven {
		code = exitDifference
	}
	var err error
	if c.JSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(struct {
			*verify.Report
			ExitCode int `json:"exit_code"`
		}{report, code})
	} else {
		err = writeVerification(stdout, lookOf(stdout), report)
	}
	switch {
	case err != nil:
		return fmt.Errorf("print the result: %w", err)
	case code != exitDone:
		return differenceError(errors.New("the tables are not what the topics hold: the result names the first differences"))
	}
	return nil
}

// writeVerification prints a table by partition, the first differences, what is worth knowing, and the verdict.
func writeVerification(out io.Writer, l look, report *verify.Report) error {
	t := table{columns: []column{
		{name: "partition"},
		{name: "first"},
		{name: "next"},
		{name: "checked"},
		{name: "equal"},
		{name: "dead", count: true, alarm: yellow},
		{name: "tombst.", count: true},
		{name: "missing", count: true, alarm: red},
		{name: "doubled", count: true, alarm: red},
		{name: "different", count: true, alarm: red},
		{name: "unexpected", count: true, alarm: red},
		{name: "unprovable", count: true, alarm: yellow},
	}}
	row := func(name, first, next string, n verify.Counts) {
		t.row(name, first, next, n.Checked, n.Equal, n.DeadLetters, n.Tombstones, n.Missing, n.Doubled, n.Different, n.NoRecord+n.NotCovered, n.Unprovable)
	}
	for _, p := range report.Partitions {
		first, next := "-", "-"
		if p.FirstOffset >= 0 {
			first, next = strconv.FormatInt(p.FirstOffset, 10), strconv.FormatInt(p.NextOffset, 10)
		}
		row(fmt.Sprintf("%s/%d", p.Topic, p.Partition), first, next, p.Counts)
	}
	row("total", "", "", report.Totals)
	var b strings.Builder
	t.write(&b, l)
	for _, d := range report.Differences {
		l.sentence(&b, uncoloured, d.String())
	}
	for _, p := range report.Partitions {
		for _, note := range p.Notes {
			l.sentence(&b, yellow, fmt.Sprintf("note: %s/%d: %s", p.Topic, p.Partition, note))
		}
	}
	for _, note := range report.Notes {
		l.sentence(&b, yellow, "note: "+note)
	}
	verdict := green
	if !report.Proven {
		verdict = red
	}
	l.sentence(&b, verdict, report.Verdict)
	l.sentence(&b, uncoloured, fmt.Sprintf("%s in %.1f s, %.0f records/s", plural.Of(report.Totals.Checked, "record"), report.TookSeconds, report.RecordsPerSecond))
	_, err := io.WriteString(out, b.String())
	return err
}
