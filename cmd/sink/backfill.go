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
	"strings"
	"text/tabwriter"

	"ridesink/sink"
)

// backfillCmd is `sink backfill`: what is in the topics now, then exit.
type backfillCmd struct {
	moveOptions
	JSON  bool `name:"json" help:"Print the summary as one JSON object."`
	Quiet bool `name:"quiet" short:"q" help:"No progress, only the summary."`
}

// Help is shown by sink backfill --help.
func (*backfillCmd) Help() string {
	return `Reads from where the database says (or --start, the first time) to the end as it is when it begins, then prints a summary and exits:
0 all done, 1 a partition halted or the run was stopped, 4 done and there are dead letters. Running it again stores nothing twice.

Examples:
  sink backfill --migrate
  DATABASE_URL=postgres://postgres:postgres@localhost:5432/postgres sink backfill --topics rides --json`
}

// Run moves what is there and prints the summary.
func (c *backfillCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	return c.with(ctx, log, func(s *sink.Sink) error {
		progress := newProgress(os.Stderr, log, c.Quiet)
		sum, err := s.Backfill(ctx, progress.show)
		progress.end()
		if err != nil {
			return err
		}
		code := backfillCode(sum)
		if c.JSON {
			err = writeSummaryJSON(stdout, sum, code)
		} else {
			err = writeSummary(stdout, sum)
		}
		if err != nil {
			return fmt.Errorf("print the summary: %w", err)
		}
		return backfillError(sum, code)
	})
}

// backfillCode is the exit code that a summary stands for.
func backfillCode(sum *sink.Summary) int {
	switch {
	case sum.Halted(), sum.Unfinished():
		return exitFailed
	case sum.HasDeadLetters():
		return exitDeadLetters
	}
	return exitDone
}

// backfillError is the one line for stderr that goes with the exit code.
func backfillError(sum *sink.Summary, code int) error {
	switch {
	case code == exitDone:
		return nil
	case sum.Halted():
		return &exitError{code: code, err: errors.New("a partition halted: the summary says which and why")}
	case sum.Unfinished():
		return &exitError{code: code, err: errors.New("stopped before the end: start it again to go on from here")}
	}
	return &exitError{code: code, err: errors.New("done, and some records are dead letters: sink deadletters list shows them and why")}
}

func writeSummaryJSON(w io.Writer, sum *sink.Summary, code int) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		*sink.Summary
		ExitCode int `json:"exit_code"`
	}{sum, code})
}

// writeSummary prints the table whose sums close: next - first = inserted + dead letters + tombstones + not records + lost.
func writeSummary(out io.Writer, sum *sink.Summary) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "partition\tfirst\tnext\tinserted\tdead\ttombst.\tno record\tlost\tstate\t")
	row := func(name, first, next string, c sink.Counts, state string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t\n", name, first, next, c.Inserted, c.DeadLetters, c.Tombstones, c.NotRecords, c.Lost, state)
	}
	for _, p := range sum.Partitions {
		row(fmt.Sprintf("%s/%d", p.Topic, p.Partition), strconv.FormatInt(p.FirstOffset, 10), strconv.FormatInt(p.NextOffset, 10), p.Counts, p.State)
	}
	row("total", "", "", sum.Totals, "")
	row("this run", "", "", sum.ThisRun, "")
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range sum.Partitions {
		if p.State == sink.StateHalted {
			fmt.Fprintf(&b, "halted: %s\n", p.HaltedReason)
		}
		if p.NotReadableYet > 0 {
			fmt.Fprintf(&b, "%s/%d: %d offsets could not be read yet: they are behind a transaction that was still open\n", p.Topic, p.Partition, p.NotReadableYet)
		}
	}
	if len(sum.AddedPartitions) > 0 {
		fmt.Fprintf(&b, "added while this ran, and not read: %s; run it again\n", strings.Join(sum.AddedPartitions, ", "))
	}
	fmt.Fprintf(&b, "%d records in %.1f s, %.0f records/s\n",
		sum.ThisRun.Inserted+sum.ThisRun.DeadLetters+sum.ThisRun.Tombstones, sum.TookSeconds, sum.RecordsPerSecond)
	_, err := io.WriteString(out, b.String())
	return err
}
