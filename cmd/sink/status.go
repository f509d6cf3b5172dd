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
	"time"

	"golang.org/x/term"

	"ridesink/internal/status"
	"ridesink/sink"
)

// statusCmd is `sink status`: how far every partition is.
type statusCmd struct {
	kafkaOptions
	topicsOptions
	databaseOptions
	RateOver time.Duration `name:"rate-over" default:"500ms" placeholder:"DURATION" help:"How long to watch the positions for the rate; 0 leaves it out."`
	Watch    bool          `name:"watch" short:"w" help:"Look again and again, until Ctrl-C."`
	JSON     bool          `name:"json" help:"Print JSON, one object a look."`
}

// Help is shown by sink status --help.
func (*statusCmd) Help() string {
	return `Asks PostgreSQL and Kafka, not the sink: it works while none runs. Lag is in offsets up to the end for readers of committed records, waiting
is how old the first record is that is not stored yet. A partition is current, behind, idle (no member of the group owns it) or halted.

Examples:
  sink status
  sink status --watch --topics rides
  sink status --json --rate-over 0s`
}

// Run looks once, or again and again.
func (c *statusCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	if c.RateOver < 0 {
		return usageError(errors.New("--rate-over must not be negative"))
	}
	maxBatchBytes := sink.DefaultConfig().MaxBatchBytes
	both, err := openServers(ctx, c.databaseOptions, c.kafkaOptions, c.Topics, 1, maxBatchBytes, log)
	if err != nil {
		return err
	}
	defer both.Close()
	cfg := status.Config{Topics: c.Topics, Group: c.Group, RateOver: c.RateOver, MaxBatchBytes: maxBatchBytes}
	for {
		seen, err := status.Look(ctx, both.db, both.kafka, cfg)
		switch {
		case ctx.Err() != nil && c.Watch:
			return nil
		case err != nil && c.Watch && seen == nil && !c.JSON:
			err = c.show(stdout, fmt.Sprintf("%s\n%v\n", time.Now().UTC().Format(time.TimeOnly), err))
		case err != nil:
			return explain(err)
		case c.JSON:
			err = json.NewEncoder(stdout).Encode(seen)
		default:
			err = c.show(stdout, statusTable(seen))
		}
		if err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
		if !c.Watch {
			return nil
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// show prints text; on a terminal that is watched, in place of what was there.
func (c *statusCmd) show(w io.Writer, text string) error {
	const top, eraseBelow = "\x1b[H", "\x1b[J" // ECMA-48
	if f, ok := w.(*os.File); ok && c.Watch && term.IsTerminal(int(f.Fd())) {
		text = top + eraseBelow + text
	}
	_, err := io.WriteString(w, text)
	return err
}

// statusTable is a line a partition, a total, and what is halted.
func statusTable(s *status.Status) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "partition\tposition\tlog\tlag\twaiting\trate/s\tinserted\tdead\tlast write\towner\tstate\t")
	for _, p := range s.Partitions {
		position, owner := "-", "-"
		if p.Position != nil {
			position = strconv.FormatInt(*p.Position, 10)
		}
		if p.Owner != nil {
			owner = strings.TrimPrefix(p.Owner.Host, "/")
		}
		fmt.Fprintf(w, "%s\t%s\t[%d,%d)\t%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t\n", p.Name(), position, p.LogStart, p.LogEnd, p.Lag,
			seconds(p.LagSeconds), rate(p.RecordsPerSecond), p.Inserted, p.DeadLetters, since(s.At, p.LastWrite), owner, p.State())
	}
	fmt.Fprintf(w, "total\t\t\t%d\t\t%s\t%d\t%d\t\t\t\t\n", s.Totals.Lag, rate(s.Totals.RecordsPerSecond), s.Totals.Inserted, s.Totals.DeadLetters)
	_ = w.Flush() // a strings.Builder takes everything
	for _, p := range s.Partitions {
		if p.HaltedReason != "" {
			fmt.Fprintf(&b, "halted since %s: %s\n", p.HaltedAt.Format(time.RFC3339), p.HaltedReason)
		}
	}
	members := map[string]bool{}
	for _, p := range s.Partitions {
		if p.Owner != nil {
			members[p.Owner.Member] = true
		}
	}
	fmt.Fprintf(&b, "members of group %s that own partitions: %d (the group is %s)\n", s.Group, len(members), strings.ToLower(s.GroupState))
	return b.String()
}

func rate(r *float64) string {
	if r == nil {
		return "-"
	}
	return strconv.FormatFloat(*r, 'f', 0, 64)
}

func seconds(s *float64) string {
	if s == nil {
		return "-"
	}
	return roundly(time.Duration(*s * float64(time.Second)))
}

func since(now time.Time, t *time.Time) string {
	if t == nil {
		return "-"
	}
	return roundly(now.Sub(*t)) + " ago"
}

// roundly prints a duration in two units at most.
func roundly(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}
