package main

import (
	"bufio"
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

	"golang.org/x/term"

	"ridesink/internal/plural"
	"ridesink/internal/repair"
	"ridesink/internal/servers"
)

// resetCmd is `sink reset`: positions, moved by hand.
type resetCmd struct {
	kafkaOptions
	databaseOptions
	Topics        []string `name:"topics" env:"KAFKA_TOPICS" default:"rides" sep:"," placeholder:"TOPIC" help:"Topics to reset, comma-separated."`
	Partitions    []string `name:"partition" sep:"," placeholder:"PARTITION" help:"Only these partitions, as topic/3, or 3 of each topic."`
	To            string   `name:"to" placeholder:"WHERE" xor:"how" help:"Where to go on: earliest, latest, an offset, or an RFC 3339 time (the first record as late as that; the end if there is none)."`
	Recreated     bool     `name:"recreated" xor:"how" help:"The topic was deleted and made again: remove what is stored of the old one, and begin with the new one at its log start."`
	KeepAs        string   `name:"keep-as" placeholder:"NAME" help:"With --recreated: keep what is stored of the old topic, under this topic name."`
	Reason        string   `name:"reason" placeholder:"TEXT" help:"Why, for sink_events."`
	DryRun        bool     `name:"dry-run" help:"Print what would be done, with row counts, and change nothing."`
	Yes           bool     `name:"yes" short:"y" help:"Do not ask."`
	JSON          bool     `name:"json" help:"Print the result as one JSON object."`
	MaxBatchBytes int      `name:"max-batch-bytes" env:"SINK_MAX_BATCH_BYTES" default:"${max_batch_bytes}" placeholder:"N" help:"Largest record batch that is read, compressed or not."`
}

// Help is shown by sink reset --help.
func (*resetCmd) Help() string {
	return `Backwards: rows and dead letters from the new position on are deleted, because they will be read again. Forwards: the offsets that are passed over
are counted as lost. Both happen with the position in one transaction, and are recorded in sink_events. Sinks may go on running: they
wait meanwhile, then follow. Without an index, rows are found by reading rides once.

Examples:
  sink reset --to 2020-07-01T00:00:00Z --dry-run
  sink reset --to 4200 --partition rides/3 --reason "batch 4100 is corrupt"
  sink reset --recreated --keep-as rides_2020 --yes`
}

// Run plans, asks, and carries out.
func (c *resetCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	selected, to, err := c.parse()
	if err != nil {
		return err
	}
	both, err := openServers(ctx, c.databaseOptions, c.kafkaOptions, c.Topics, repair.Connections, c.MaxBatchBytes, log)
	if err != nil {
		return err
	}
	defer both.Close()
	r := repair.New(both.db, both.kafka, c.MaxBatchBytes)
	if c.Recreated {
		return explainRepair(c.recreate(ctx, r, stdout))
	}
	return explainRepair(c.move(ctx, r, selected, to, stdout))
}

func (c *resetCmd) parse() (selected repair.Selection, to repair.Target, err error) {
	selected, err = selection(c.Topics, c.Partitions)
	switch {
	case err != nil:
	case c.To == "" && !c.Recreated:
		err = errors.New("say where to go on: --to earliest, latest, an offset or a time; or --recreated for a topic that was deleted and made again")
	case c.KeepAs != "" && !c.Recreated:
		err = errors.New("--keep-as belongs to --recreated")
	case c.Recreated && len(c.Partitions) > 0:
		err = errors.New("--recreated is about whole topics: leave --partition out")
	case c.To != "":
		if to, err = repair.ParseTarget(c.To); err != nil {
			err = fmt.Errorf("--to: %w", err)
		}
	}
	if err != nil {
		return selected, to, usageError(err)
	}
	return selected, to, nil
}

// selection reads --topics and --partition.
func selection(topics, partitions []string) (repair.Selection, error) {
	selected := repair.Selection{Topics: topics}
	var faults []error
	seen := map[string]bool{}
	for _, topic := range topics {
		if topic == "" || seen[topic] {
			faults = append(faults, errors.New("--topics holds an empty name, or one twice"))
		}
		seen[topic] = true
	}
	if len(topics) == 0 {
		faults = append(faults, errors.New("--topics is empty: name at least one topic"))
	}
	for _, text := range partitions {
		place, err := servers.ParsePlace(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--partition: %w", err))
			continue
		}
		selected.Partitions = append(selected.Partitions, place)
	}
	if len(faults) == 0 {
		faults = append(faults, selected.Check())
	}
	return selected, errors.Join(faults...)
}

// move is reset --to.
func (c *resetCmd) move(ctx context.Context, r *repair.Repair, selected repair.Selection, to repair.Target, stdout io.Writer) error {
	plan, err := r.PlanReset(ctx, selected, to, c.DryRun || !c.Yes)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.print(stdout, plan, writeResets(plan))
	}
	if !c.Yes {
		if err := confirm(writeResets(plan)); err != nil {
			return err
		}
	}
	if err := r.DoReset(ctx, plan, c.Reason); err != nil {
		return err
	}
	return c.print(stdout, plan, writeResets(plan))
}

// recreate is reset --recreated.
func (c *resetCmd) recreate(ctx context.Context, r *repair.Repair, stdout io.Writer) error {
	plan, err := r.PlanRecreation(ctx, c.Topics, c.KeepAs, c.DryRun || !c.Yes)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.print(stdout, plan, writeRecreations(plan))
	}
	if !c.Yes {
		if err := confirm(writeRecreations(plan)); err != nil {
			return err
		}
	}
	if err := r.DoRecreation(ctx, plan, c.Reason); err != nil {
		return err
	}
	return c.print(stdout, plan, writeRecreations(plan))
}

func (c *resetCmd) print(stdout io.Writer, result any, text string) error {
	if c.JSON {
		return printJSON(stdout, struct {
			DryRun  bool `json:"dry_run"`
			Changes any  `json:"changes"`
		}{c.DryRun, result})
	}
	if c.DryRun {
		text += "nothing was changed (--dry-run)\n"
	}
	_, err := io.WriteString(stdout, text)
	return err
}

func printJSON(stdout io.Writer, v any) error {
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

func writeResets(plan []*repair.Reset) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "partition\tfrom\tto\tfirst\trows deleted\tdead letters deleted\tlost\t")
	for _, m := range plan {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", m.Place, m.From, m.To, m.FirstOffset, m.Rows, m.DeadLetters, m.Lost)
	}
	_ = w.Flush() // into memory
	for _, m := range plan {
		if m.Assumed != "" {
			fmt.Fprintf(&b, "note: %s: %s\n", m.Place, m.Assumed)
		}
	}
	return b.String()
}

func writeRecreations(plan []*repair.Recreation) string {
	var b strings.Builder
	for _, c := range plan {
		what := "removed"
		if c.KeptAs != "" {
			what = "kept as topic " + strconv.Quote(c.KeptAs)
		}
		fmt.Fprintf(&b, "%s: %s and %s of the old topic %s; the new one begins at its log start, %s\n", c.Topic, plural.Of(c.Rows, "row"),
			plural.Of(c.DeadLetters, "dead letter"), what, plural.Of(c.Partitions, "partition"))
		if !c.Known {
			fmt.Fprintf(&b, "note: %s: the broker or the ledger has no topic id, so whether the topic was really made again is not known\n", c.Topic)
		}
	}
	return b.String()
}

// confirm asks on the terminal. Without one it refuses.
func confirm(plan string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usageError(errors.New("this changes what is stored, and there is no terminal to ask on: look with --dry-run, then add --yes"))
	}
	fmt.Fprintf(os.Stderr, "%sType yes to go on: ", plan)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && answer == "" || strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// explainRepair gives an error of a repair its exit code.
func explainRepair(err error) error {
	var usage *repair.UsageError
	if errors.As(err, &usage) {
		return usageError(err)
	}
	return explain(err)
}
