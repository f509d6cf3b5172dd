package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// report.go: results as text, and as the part of a document that stands between two marks.

const (
	beginMark = "<!-- peers: begin -->"
	endMark   = "<!-- peers: end -->"
)

// spread is the middle, the least and the most of some turns.
type spread struct{ median, least, most float64 }

// over returns the spread of a number of each turn, nothing without turns.
func (r *result) over(number func(speed) float64) spread {
	var all []float64
	for _, s := range r.turns {
		all = append(all, number(s))
	}
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	half := len(all) / 2
	return spread{(all[half] + all[(len(all)-1)/2]) / 2, all[0], all[len(all)-1]}
}

func (r *result) perSecond() spread { return r.over(func(s speed) float64 { return s.perSecond }) }
func (r *result) whole() spread     { return r.over(func(s speed) float64 { return s.whole.Seconds() }) }

func (r *result) peak() spread {
	return r.over(func(s speed) float64 { return float64(s.peak) / (1 << 20) })
}

// cpuPerMillion is CPU seconds for a million rides, which is microseconds a ride.
func (r *result) cpuPerMillion() spread {
	return r.over(func(s speed) float64 { return s.cpu.Seconds() * 1e6 / float64(r.topic.rides) })
}

// times says how many times as fast the sink is.
func (c *comparison) times(r *result) string {
	for _, own := range c.results {
		if own.peer.name == "ridesink" && own.perSecond().median > 0 && r.perSecond().median > 0 {
			return fmt.Sprintf("%.1f", own.perSecond().median/r.perSecond().median)
		}
	}
	return "-"
}

// grouped writes a number with commas.
func grouped(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// row is what a table says of a peer's speed.
func (c *comparison) row(r *result) []string {
	if len(r.turns) == 0 {
		return []string{r.peer.title, "-", "failed", "", "", "", "", ""}
	}
	rate, whole := r.perSecond(), r.whole()
	return []string{
		r.peer.title, c.times(r), grouped(rate.median), grouped(rate.least) + " to " + grouped(rate.most), grouped(float64(r.topic.rides)),
		fmt.Sprintf("%.1f", whole.median), fmt.Sprintf("%.1f", r.cpuPerMillion().median), grouped(r.peak().median),
	}
}

var (
	speedHead  = []string{"", "ridesink is so many times as fast", "rides/s, median", "least to most", "rides", "s from start to last commit", "CPU s for a million", "peak MiB"} //nolint:gochecknoglobals // read only
	damageHead = []string{"killed half way, started again", "rides", "rows at the kill", "stored twice", "lost"}                                                                  //nolint:gochecknoglobals // read only
)

// damageRow is what a table says of a peer that was killed.
func damageRow(r *result) []string {
	k := r.killed
	if r.tooQuick {
		return []string{r.peer.title, grouped(float64(r.topic.rides)), "was done before the kill", "", ""}
	}
	if k == nil {
		return []string{r.peer.title, grouped(float64(r.topic.rides)), "failed", "", ""}
	}
	lost := grouped(float64(k.lost))
	if k.amountsDiffer {
		lost += ", but amounts differ"
	}
	return []string{r.peer.title, grouped(float64(r.topic.rides)), grouped(float64(k.atKill)), grouped(float64(k.twice)), lost}
}

// about says what was measured, on what.
func (c *comparison) about() string {
	return fmt.Sprintf("%s rides of dialect A, %d bytes each, in %d partitions, uncompressed; turns of each peer: %d, interleaved; PostgreSQL %s, Kafka %s; %s; in all %.0f min.",
		grouped(float64(c.many.rides)), c.many.bytesPerRide(), partitions, c.options.runs, c.servers.postgres.Version(), kafkaVersion, c.machineLine, c.took.Minutes())
}

const howMeasured = "Rides a second are timed by PostgreSQL's own clock (`track_commit_timestamp`), from the first commit to the last, without the rows of the first " +
	"transaction: the start of a process, of a JVM, of a group is left out, in favour of those who start slowly. CPU and memory are of the " +
	"peer's process alone, its start included. Rows, `sum(total_amount)` and `sum(trip_distance)` were right after each turn."

const howKilled = "`kill -9` when half of the rides are committed, then the same command again (Flink from its last checkpoint). No two rides have the same pickup " +
	"time: `stored twice` is `count(*) - count(DISTINCT pickup_datetime)`, `lost` what is missing of the latter."

// writeText writes the results for a terminal.
func (c *comparison) writeText(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", c.about())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) { fmt.Fprintln(table, strings.Join(cells, "\t")) }
	if c.options.runs > 0 {
		line(speedHead)
		for _, r := range c.results {
			line(c.row(r))
		}
		fmt.Fprintln(table)
	}
	if c.options.kill {
		line(damageHead)
		for _, r := range c.results {
			line(damageRow(r))
		}
	}
	_ = table.Flush() // what cannot be printed cannot be told either
}

// markdown is the results for the document.
func (c *comparison) markdown() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	table := func(head []string, row func(*result) []string) {
		line(head)
		line(append([]string{"---"}, slices.Repeat([]string{"---:"}, len(head)-1)...))
		for _, r := range c.results {
			line(row(r))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s\n\n", c.about())
	if c.options.runs > 0 {
		table(speedHead, c.row)
		fmt.Fprintf(&b, "%s\n\n", howMeasured)
	}
	if c.options.kill {
		table(damageHead, damageRow)
		fmt.Fprintf(&b, "%s\n\n", howKilled)
	}
	b.WriteString("Settings, each at the best of what its documentation says; peers store the 18 fields of the ride, money as `double precision`:\n\n")
	for _, r := range c.results {
		fmt.Fprintf(&b, "- **%s**: %s.\n", r.peer.title, r.peer.setting)
	}
	return b.String()
}

// updateDocument replaces what stands between the marks in a document. It makes a document that is not there, and adds marks that are missing.
func updateDocument(path, part string) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		content, err = []byte("# How fast it is\n"), nil
	}
	if err != nil {
		return fmt.Errorf("read the document (-markdown): %w", err)
	}
	changed, err := replaced(string(content), part)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

func replaced(document, part string) (string, error) {
	before, rest, began := strings.Cut(document, beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	switch {
	case began && ended:
	case !began && !strings.Contains(document, endMark):
		before, after = strings.TrimRight(document, "\n")+"\n\n## Beside what people use instead\n\n", "\n"
	default:
		return "", fmt.Errorf("it has one of the marks %s and %s, or both in the wrong order: mend it by hand", beginMark, endMark)
	}
	return before + beginMark + "\n" + strings.TrimRight(part, "\n") + "\n" + endMark + after, nil
}
