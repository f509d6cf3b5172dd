package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ridesink/internal/plural"
	"ridesink/internal/repair"
	"ridesink/internal/servers"
)

// deadlettersCmd is `sink deadletters`: records that could not become rows.
type deadlettersCmd struct {
	List  deadlettersListCmd  `cmd:"" help:"List them."`
	Show  deadlettersShowCmd  `cmd:"" help:"Print one with all that is kept of it."`
	Retry deadlettersRetryCmd `cmd:"" help:"Decode them again and store those that are rides by now."`
	Drop  deadlettersDropCmd  `cmd:"" help:"Give them up: they count as lost from then on."`
}

// letterOptions choose dead letters.
type letterOptions struct {
	databaseOptions
	Topics     []string  `name:"topics" env:"KAFKA_TOPICS" default:"rides" sep:"," placeholder:"TOPIC" help:"Topics, comma-separated."`
	Partitions []string  `name:"partition" sep:"," placeholder:"PARTITION" help:"Only these partitions, as topic/3, or 3 of each topic."`
	Reasons    []string  `name:"reason" sep:"," placeholder:"REASON" help:"Only these reasons, such as invalid_json or rejected_by_database."`
	Since      time.Time `name:"since" placeholder:"TIME" help:"Only what became a dead letter at this RFC 3339 time or later."`
	Until      time.Time `name:"until" placeholder:"TIME" help:"Only what became a dead letter before this RFC 3339 time."`
	JSON       bool      `name:"json" help:"Print JSON."`
}

// open checks the flags and the tables. The caller closes the pool.
func (o *letterOptions) open(ctx context.Context, log *slog.Logger) (*repair.Repair, repair.Filter, func(), error) {
	selected, err := selection(o.Topics, o.Partitions)
	if err != nil {
		return nil, repair.Filter{}, nil, usageError(err)
	}
	db, err := openTables(ctx, o.databaseOptions, log)
	if err != nil {
		return nil, repair.Filter{}, nil, err
	}
	return repair.New(db, nil, 0), repair.Filter{Selection: selected, Reasons: o.Reasons, Since: o.Since, Until: o.Until}, db.Close, nil
}

// openTables opens a pool on tables that are up to date.
func openTables(ctx context.Context, o databaseOptions, log *slog.Logger) (*pgxpool.Pool, error) {
	url, err := o.url()
	if err != nil {
		return nil, err
	}
	if err := checkTables(ctx, url, false, log); err != nil {
		return nil, err
	}
	return servers.OpenRotatedDatabase(ctx, url, o.again, repair.Connections)
}

// deadlettersListCmd is `sink deadletters list`.
type deadlettersListCmd struct {
	letterOptions
	Limit int64 `name:"limit" default:"100" placeholder:"N" help:"At most so many."`
}

// Help is shown by sink deadletters list --help.
func (*deadlettersListCmd) Help() string {
	return `Lists dead letters by topic, partition and offset: where each came from, since when it is one, how long its value is, and why it is no ride.
With --json each is an object on a line of its own.

Examples:
  sink deadletters list
  sink deadletters list --reason wrong_type --since 2026-11-01T00:00:00Z --limit 20
  sink deadletters list --partition rides/3 --json | jq -r .reason | sort | uniq -c`
}

// Run lists; with --json, an object a line.
func (c *deadlettersListCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	if c.Limit < 1 {
		return usageError(fmt.Errorf("--limit is %d: 1 or more", c.Limit))
	}
	r, filter, closeAll, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer closeAll()
	if c.JSON {
		encoder := json.NewEncoder(stdout)
		return explainRepair(r.ListDeadLetters(ctx, filter, c.Limit, func(l repair.DeadLetter) error { return encoder.Encode(l) }))
	}
	listed := int64(0)
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "record\tsince\tbytes\treason\terror")
	err = r.ListDeadLetters(ctx, filter, c.Limit, func(l repair.DeadLetter) error {
		listed++
		_, err := fmt.Fprintf(w, "%s/%d\t%s\t%s\t%s\t%s\n", l.Place, l.Offset, l.CreatedAt.UTC().Format(time.RFC3339), sizeText(l.ValueBytes), l.Reason, l.Error)
		return err
	})
	if err != nil {
		return explainRepair(err)
	}
	switch listed {
	case 0:
		fmt.Fprintln(stdout, "no dead letters")
		return nil
	case c.Limit:
		fmt.Fprintf(w, "the first %d; --limit shows more\n", c.Limit)
	}
	return w.Flush()
}

func sizeText(n *int) string {
	if n == nil {
		return "null"
	}
	return strconv.Itoa(*n)
}

// deadlettersShowCmd is `sink deadletters show`.
type deadlettersShowCmd struct {
	databaseOptions
	Record string `arg:"" name:"record" placeholder:"TOPIC/PARTITION/OFFSET" help:"The record, as sink deadletters list names it: topic/partition/offset."`
	JSON   bool   `name:"json" help:"Print JSON, with bytes in base64."`
}

// Help is shown by sink deadletters show --help.
func (*deadlettersShowCmd) Help() string {
	return `Prints key, headers and value as they were in Kafka, as text and as a hex dump, with the reason and the error.

Examples:
  sink deadletters show rides/3/4200
  sink deadletters show rides/3/4200 --json | jq -r .value | base64 -d`
}

// Run prints one.
func (c *deadlettersShowCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	place, offset, err := parseRecord(c.Record)
	if err != nil {
		return usageError(err)
	}
	db, err := openTables(ctx, c.databaseOptions, log)
	if err != nil {
		return err
	}
	defer db.Close()
	letter, err := repair.New(db, nil, 0).ShowDeadLetter(ctx, place, offset)
	switch {
	case err != nil:
		return explainRepair(err)
	case c.JSON:
		return printJSON(stdout, letter)
	}
	_, err = io.WriteString(stdout, writeLetter(letter))
	return err
}

// parseRecord reads topic/partition/offset.
func parseRecord(s string) (repair.Place, int64, error) {
	bad := fmt.Errorf("%q is no record: write TOPIC/PARTITION/OFFSET, such as rides/3/4200", s)
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return repair.Place{}, 0, bad
	}
	offset, err := strconv.ParseInt(s[i+1:], 10, 64)
	place, placeErr := servers.ParsePlace(s[:i])
	if err != nil || placeErr != nil || offset < 0 || place.Topic == "" {
		return repair.Place{}, 0, bad
	}
	return place, offset, nil
}

func writeLetter(l *repair.WholeLetter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "record     %s/%d\nreason     %s\nerror      %s\n", l.Place, l.Offset, l.Reason, l.Error)
	if l.SQLState != "" {
		fmt.Fprintf(&b, "sqlstate   %s\n", l.SQLState)
	}
	timestamp := "none"
	if l.Timestamp != nil {
		timestamp = l.Timestamp.UTC().Format(time.RFC3339Nano)
	}
	fmt.Fprintf(&b, "timestamp  %s\nsince      %s\n", timestamp, l.CreatedAt.UTC().Format(time.RFC3339))
	writeBytes(&b, "key", l.Key)
	for _, h := range l.Headers {
		writeBytes(&b, fmt.Sprintf("header %q", h.Key), h.Value)
	}
	writeBytes(&b, "value", l.Value)
	return b.String()
}

// writeBytes prints bytes as text, with what is no text escaped, and as a hex dump.
func writeBytes(b *strings.Builder, name string, value []byte) {
	if value == nil {
		fmt.Fprintf(b, "%s: null\n", name)
		return
	}
	fmt.Fprintf(b, "%s: %s\n%q\n%s", name, plural.Of(len(value), "byte"), value, hex.Dump(value))
}

// deadlettersRetryCmd is `sink deadletters retry`.
type deadlettersRetryCmd struct {
	letterOptions
	formatOptions
}

// Help is shown by sink deadletters retry --help.
func (*deadlettersRetryCmd) Help() string {
	return `Tries dead letters again, with this binary and the tables as they are now. Those that are rides are moved into rides in one transaction a batch; the
others stay, with the reason why as of today. It can be repeated, and sinks may go on running.

Examples:
  sink deadletters retry
  sink deadletters retry --reason rejected_by_database --partition rides/3`
}

// Run retries.
func (c *deadlettersRetryCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	formats, err := c.formats(ctx)
	if err != nil {
		return err
	}
	r, filter, closeAll, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer closeAll()
	var totals struct {
		Partitions []repair.Retried `json:"partitions"`
		Stored     int64            `json:"stored"`
		Stay       int64            `json:"stay"`
	}
	totals.Partitions = []repair.Retried{}
	err = r.RetryDeadLetters(ctx, filter, formats.NewDecoder(), func(p repair.Retried) {
		totals.Partitions = append(totals.Partitions, p)
		totals.Stored, totals.Stay = totals.Stored+p.Stored, totals.Stay+p.Stay
	})
	switch {
	case err != nil:
		return explainRepair(explain(err))
	case c.JSON:
		return printJSON(stdout, totals)
	}
	for _, p := range totals.Partitions {
		fmt.Fprintf(stdout, "%s: %d stored, %d %s\n", p.Place, p.Stored, p.Stay, plural.Either(p.Stay, "stays", "stay"))
	}
	_, err = fmt.Fprintf(stdout, "%d stored as %s, %d %s\n", totals.Stored, plural.Either(totals.Stored, "a ride", "rides"),
		totals.Stay, plural.Either(totals.Stay, "stays a dead letter", "stay dead letters"))
	return err
}

// deadlettersDropCmd is `sink deadletters drop`.
type deadlettersDropCmd struct {
	letterOptions
	Because string `name:"because" placeholder:"TEXT" help:"Why, for sink_events."`
	Yes     bool   `name:"yes" short:"y" help:"Do not ask."`
}

// Help is shown by sink deadletters drop --help.
func (*deadlettersDropCmd) Help() string {
	return `Deletes dead letters for good. sink_ledger counts them as lost from then on, and sink_events has their offsets, so that sums still close and
sink verify can tell why there is no row.

Examples:
  sink deadletters drop --until 2026-11-01T00:00:00Z
  sink deadletters drop --reason invalid_json --because "test data" --yes`
}

// Run asks, and drops.
func (c *deadlettersDropCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	r, filter, closeAll, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer closeAll()
	if !c.Yes {
		counted, err := r.CountDeadLetters(ctx, filter)
		if err != nil {
			return explainRepair(err)
		}
		var plan strings.Builder
		for _, p := range counted {
			fmt.Fprintf(&plan, "%s: %s will be dropped\n", p.Place, plural.Of(p.DeadLetters, "dead letter"))
		}
		if err := confirm(plan.String()); err != nil {
			return err
		}
	}
	dropped := []repair.PartitionLetters{}
	total := int64(0)
	err = r.DropDeadLetters(ctx, filter, c.Because, func(p repair.PartitionLetters) {
		dropped = append(dropped, p)
		total += p.DeadLetters
	})
	switch {
	case err != nil:
		return explainRepair(err)
	case c.JSON:
		return printJSON(stdout, struct {
			Partitions []repair.PartitionLetters `json:"partitions"`
			Dropped    int64                     `json:"dropped"`
		}{dropped, total})
	}
	_, err = fmt.Fprintf(stdout, "%s dropped; sink_ledger counts %s as lost\n", plural.Of(total, "dead letter"), plural.Either(total, "it", "them"))
	return err
}
