package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"ridesink/internal/verify"
	"ridesink/sink"
)

// Names and offsets as long as they get.
const (
	longTopic  = "rides_of_yellow_taxis_of_2020x" // 30 characters
	highOffset = 123_456_789_012
)

// largeSummary is a backfill of a topic with a long name and high offsets.
func largeSummary(c sink.Counts) *sink.Summary {
	p := sink.PartitionSummary{Topic: longTopic, Partition: 100, State: sink.StateDone, FirstOffset: highOffset, NextOffset: 2 * highOffset, Counts: c}
	halted := p
	halted.Partition, halted.State = 101, sink.StateHalted
	halted.HaltedReason = longTopic + "/101: position 123456789012 is below the log start offset 123456789999: 987 records are gone from Kafka"
	return &sink.Summary{Partitions: []sink.PartitionSummary{p, halted}, Totals: c, ThisRun: c}
}

// largeReport is a verification of the same.
func largeReport(c verify.Counts) *verify.Report {
	return &verify.Report{
		Verdict: "NOT proven: 123456789012 missing, 123456789012 doubled (of 123456789012 records)", Totals: c,
		Partitions:  []verify.PartitionReport{{Topic: longTopic, Partition: 100, FirstOffset: highOffset, NextOffset: 2 * highOffset, Counts: c, Notes: []string{"the ledger is 3044 offsets behind the end of the log: they were not read yet"}}},
		Differences: []verify.Difference{{Kind: verify.KindMissing, Topic: longTopic, Partition: 100, Offset: highOffset}},
	}
}

// Whatever there is to say fits on the terminal, and nothing that is not 0 is left out. A pipe has no width.
func TestSummariesFitOnTheTerminal(t *testing.T) {
	t.Parallel()
	const n = highOffset
	summaries := map[string]func(b *strings.Builder, l look) error{
		"a backfill with everything": func(b *strings.Builder, l look) error {
			return writeSummary(b, l, largeSummary(sink.Counts{Inserted: n, DeadLetters: n, Tombstones: n, NotRecords: n, Lost: n}))
		},
		"a backfill with rides only": func(b *strings.Builder, l look) error {
			return writeSummary(b, l, largeSummary(sink.Counts{Inserted: n}))
		},
		"a backfill as usual": func(b *strings.Builder, l look) error { return writeSummary(b, l, exampleSummary()) },
		"a verification with everything": func(b *strings.Builder, l look) error {
			return writeVerification(b, l, largeReport(verify.Counts{Checked: n, Equal: n, DeadLetters: n, Tombstones: n, Missing: n, Doubled: n, Different: n, NoRecord: n, Unprovable: n}))
		},
		"a verification with rides only": func(b *strings.Builder, l look) error {
			return writeVerification(b, l, largeReport(verify.Counts{Checked: n, Equal: n}))
		},
	}
	number := regexp.MustCompile(`\b[1-9]\d*\b`)
	for name, write := range summaries {
		var wide strings.Builder
		if err := write(&wide, look{}); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{40, 80, 132, 300} {
			t.Run(fmt.Sprintf("%s, %d columns", name, width), func(t *testing.T) {
				t.Parallel()
				var b strings.Builder
				if err := write(&b, look{width: width}); err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(b.String()) {
					used, oneWord := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), !strings.Contains(strings.TrimSpace(line), " ")
					if used > width && !oneWord || strings.HasSuffix(line, " \n") {
						t.Errorf("a line of %d columns, or one that ends with blanks: %q", used, line)
					}
				}
				if got, want := len(number.FindAllString(b.String(), -1)), len(number.FindAllString(wide.String(), -1)); got != want {
					t.Errorf("%d numbers that are not 0, the wide one has %d:\n%s\n%s", got, want, b.String(), wide.String())
				}
			})
		}
	}
}

func TestTableOnATerminal(t *testing.T) {
	t.Parallel()
	numbers := func(dead, lost int64) *table {
		t := &table{columns: []column{{name: "partition"}, {name: "inserted"}, {name: "dead", count: true, alarm: yellow}, {name: "lost", count: true}, {name: "state"}}}
		t.row("rides/0", int64(1000), dead, lost, cell{"done", green})
		t.row("total", int64(1000), dead, lost, "")
		return t
	}
	for _, c := range []struct {
		scenario string
		table    *table
		look     look
		want     string
	}{
		{"what fits is shown whole", numbers(0, 0), look{width: 40}, "" +
			"  partition  inserted  dead  lost  state\n" +
			"    rides/0      1000     0     0   done\n" +
			"      total      1000     0     0\n"},
		{"zeros go first", numbers(3, 0), look{width: 39}, "" +
			"  partition  inserted  dead  state\n" +
			"    rides/0      1000     3   done\n" +
			"      total      1000     3\n"},
		{"then it becomes paragraphs", numbers(3, 0), look{width: 32}, "" +
			"rides/0\n" +
			"  inserted: 1000  dead: 3\n" +
			"  state: done\n" +
			"total\n" +
			"  inserted: 1000  dead: 3\n"},
		{"colours take no room", numbers(3, 0), look{width: 38, coloured: true}, "" +
			"  partition  inserted  dead  state\n" +
			"    rides/0      1000     \x1b[33m3\x1b[m   \x1b[32mdone\x1b[m\n" +
			"      total      1000     \x1b[33m3\x1b[m\n"},
		{"paragraphs have colours too", numbers(0, 5), look{width: 33, coloured: true}, "" +
			"rides/0\n" +
			"  inserted: 1000  lost: 5\n" +
			"  state: \x1b[32mdone\x1b[m\n" +
			"total\n" +
			"  inserted: 1000  lost: 5\n"},
		{"a pipe gets all", numbers(0, 0), look{}, "" +
			"  partition  inserted  dead  lost  state\n" +
			"    rides/0      1000     0     0   done\n" +
			"      total      1000     0     0       \n"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			if c.table.write(&b, c.look); b.String() != c.want {
				t.Errorf("printed\n%s\nwant\n%s", b.String(), c.want)
			}
		})
	}
}

func TestFolded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"what fits stays as it is", 24, "what fits stays as it is"},
		{"what does not fit is broken between words", 20, "what does not fit is\n  broken between\n  words"},
		{"a/name/that/is/too/long stays whole", 10, "a/name/that/is/too/long\n  stays\n  whole"},
		{"a pipe has no width", 0, "a pipe has no width"},
	} {
		if got := folded(c.text, c.width); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
