// Command faultsreport writes the table of docs/reliability.md from what the fault tests counted: the lines of the file that
// TEST_FAULTS_REPORT named.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// The table stands between these two lines of the document.
const (
	beginMark = "<!-- faults: begin -->"
	endMark   = "<!-- faults: end -->"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "faultsreport:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("faultsreport", flag.ContinueOnError)
	in := flags.String("in", "", "the `file` that TEST_FAULTS_REPORT named")
	update := flags.String("update", "", "the `document` whose table is replaced; without it the table is printed")
	commit := flags.String("commit", "", "the commit that was tested")
	command := flags.String("command", "", "the command that tested it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	file, err := os.Open(*in)
	if err != nil {
		return fmt.Errorf("read the report (-in): %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	rows, err := read(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", *in, err)
	}
	table := render(rows, *commit, *command)
	if *update == "" {
		_, err := os.Stdout.WriteString(table)
		return err
	}
	document, err := os.ReadFile(*update)
	if err != nil {
		return fmt.Errorf("read the document (-update): %w", err)
	}
	changed, err := replace(string(document), table)
	if err != nil {
		return fmt.Errorf("%s: %w", *update, err)
	}
	return os.WriteFile(*update, []byte(changed), 0o644)
}

// row is what all lines of one fault add up to.
type row struct {
	name                 string
	cases, lost, doubled int64
	progress             []float64 // seconds, of the cases where somebody looked
}

// read adds up the lines of each fault, sorted by name.
func read(r io.Reader) ([]*row, error) {
	byName := map[string]*row{}
	scanner := bufio.NewScanner(r)
	for number := 1; scanner.Scan(); number++ {
		var line struct {
			Row      string  `json:"row"`
			Cases    int64   `json:"cases"`
			Lost     int64   `json:"lost"`
			Doubled  int64   `json:"doubled"`
			Progress float64 `json:"progress_seconds"`
		}
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if line.Row == "" {
			return nil, fmt.Errorf("line %d names no fault", number)
		}
		sum := byName[line.Row]
		if sum == nil {
			sum = &row{name: line.Row}
			byName[line.Row] = sum
		}
		sum.cases += line.Cases
		sum.lost += line.Lost
		sum.doubled += line.Doubled
		if line.Progress > 0 {
			sum.progress = append(sum.progress, line.Progress)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if len(byName) == 0 {
		return nil, errors.New("it holds no case")
	}
	rows := make([]*row, 0, len(byName))
	for _, sum := range byName {
		slices.Sort(sum.progress)
		rows = append(rows, sum)
	}
	slices.SortFunc(rows, func(a, b *row) int { return strings.Compare(a.name, b.name) })
	return rows, nil
}

// render prints the table, with a last row that sums up.
func render(rows []*row, commit, command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Commit `%s`, command `%s`.\n\n", commit, command)
	b.WriteString("| Fault | Cases | Lost | Doubled | Seconds to progress, median | and at most |\n|---|---:|---:|---:|---:|---:|\n")
	var all row
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %s |\n", r.name, r.cases, r.lost, r.doubled, seconds(r.progress))
		all.cases, all.lost, all.doubled = all.cases+r.cases, all.lost+r.lost, all.doubled+r.doubled
		all.progress = append(all.progress, r.progress...)
	}
	slices.Sort(all.progress)
	fmt.Fprintf(&b, "| **all** | **%d** | **%d** | **%d** | %s |\n", all.cases, all.lost, all.doubled, seconds(all.progress))
	return b.String()
}

// seconds prints the two last columns from sorted values.
func seconds(sorted []float64) string {
	if len(sorted) == 0 {
		return "- | -"
	}
	return fmt.Sprintf("%.2f | %.2f", sorted[len(sorted)/2], sorted[len(sorted)-1])
}

// replace puts a table between the marks of a document.
func replace(document, table string) (string, error) {
	before, rest, begins := strings.Cut(document, beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return "", fmt.Errorf("it has no lines %s and %s: the table goes between them", beginMark, endMark)
	}
	return before + beginMark + "\n" + table + endMark + after, nil
}
