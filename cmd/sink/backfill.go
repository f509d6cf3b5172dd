package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"ridesink/internal/plural"
	"ridesink/sink"
)

// backfillCmd is `sink backfill`: what is in the topics now, then exit.
type backfillCmd struct {
	moveOptions
	quietOption
	JSON bool `name:"json" help:"Print the summary as one JSON object."`
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
func (c *backfillCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer, stderr *terminal) error {
	return c.with(ctx, log, func(s *sink.Sink) error {
		progress := newProgress(stderr, log, c.Quiet)
		sum, err := s.Backfill(ctx, progress.show)
		progress.end()
		if err != nil {
			return err
		}
		code := backfillCode(sum)
		if c.JSON {
			err = writeSummaryJSON(stdout, sum, code)
		} else {
			err = writeSummary(stdout, lookOf(stdout), sum)
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
func writeSummary(out io.Writer, l look, sum *sink.Summary) error {
	t := table{columns: []column{
		{name: "partition"},
		{name: "first"},
		{name: "next"},
		{name: "inserted"},
		{name: "dead", count: true, alarm: yellow},
		{name: "tombst.", count: true},
		{name: "no record", count: true},
		{name: "lost", count: true, alarm: yellow},
		{name: "state"},
	}}
	row := func(name, first, next string, c sink.Counts, state cell) {
		t.row(name, first, next, c.Inserted, c.DeadLetters, c.Tombstones, c.NotRecords, c.Lost, state)
	}
	for _, p := range sum.Partitions {
		row(fmt.Sprintf("%s/%d", p.Topic, p.Partition), strconv.FormatInt(p.FirstOffset, 10), strconv.FormatInt(p.NextOffset, 10), p.Counts, stateCell(p.State))
	}
	row("total", "", "", sum.Totals, cell{})
	row("this run", "", "", sum.ThisRun, cell{})
	var b strings.Builder
	t.write(&b, l)
	for _, p := range sum.Partitions {
		if p.State == sink.StateHalted {
			l.sentence(&b, red, "halted: "+p.HaltedReason)
		}
		if n := p.NotReadableYet; n > 0 {
			l.sentence(&b, yellow, fmt.Sprintf("%s/%d: %s could not be read yet: %s behind a transaction that was still open",
				p.Topic, p.Partition, plural.Of(n, "offset"), plural.Either(n, "it is", "they are")))
		}
	}
	if len(sum.AddedPartitions) > 0 {
		l.sentence(&b, yellow, fmt.Sprintf("added while this ran, and not read: %s; run it again", strings.Join(sum.AddedPartitions, ", ")))
	}
	l.sentence(&b, uncoloured, fmt.Sprintf("%s in %.1f s, %.0f records/s",
		plural.Of(sum.ThisRun.Inserted+sum.ThisRun.DeadLetters+sum.ThisRun.Tombstones, "record"), sum.TookSeconds, sum.RecordsPerSecond))
	_, err := io.WriteString(out, b.String())
	return err
}

// stateCell is the state of a partition in the colour that it deserves.
func stateCell(state string) cell {
	switch state {
	case sink.StateDone:
		return cell{state, green}
	case sink.StateHalted:
		return cell{state, red}
	}
	return cell{state, yellow}
}
