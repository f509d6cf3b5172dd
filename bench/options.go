package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"ridesink/bench/latency"
	"ridesink/schema"
)

// options.go: the flags.

// parts of a run, in their order.
const (
	partFloor    = "floor"
	partBackfill = "backfill"
	partStages   = "stages"
	partGrowth   = "growth"
	partMembers  = "members"
	partLatency  = "latency"
	partWide     = "wide"
	partColumns  = "columns"
	partSettings = "settings"
)

func allParts() []string {
	return []string{partFloor, partBackfill, partStages, partGrowth, partMembers, partLatency, partWide, partColumns, partSettings}
}

func codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

// options are the flags, parsed.
type options struct {
	parts               []string
	rides               []int64
	dialects            []schema.Dialect
	partitions          []int
	codecs              []string
	growth              []int64
	members             []int
	all                 bool
	wide                int   // partitions of the wide topic
	wideRides           int64 // and its rides
	runs                int
	latency             latency.Options
	tiny                bool // -short
	json, markdown, svg string
}

// short is as little as shows that everything works.
func (o *options) short() {
	o.rides, o.dialects, o.partitions, o.codecs = []int64{20_000}, []schema.Dialect{schema.TLC}, []int{2}, []string{"none", "lz4"}
	o.growth, o.members, o.wide, o.wideRides, o.runs = []int64{5_000, 20_000}, []int{1, 2}, 16, 20_000, 1
	o.latency, o.tiny = loads(true), true
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{growth: []int64{100_000, 300_000, 1_000_000, 3_000_000, 10_000_000}, members: []int{1, 2, 4}, wide: 256, wideRides: 1_000_000, latency: loads(false)}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	parts := flags.String("parts", strings.Join(allParts(), ","), "which `parts` to measure")
	rides := flags.String("rides", "4000000,1000000", "how many `rides` a topic has; 4000000 is the headline")
	dialects := flags.String("dialects", "tlc,snake,minimal", "`dialects` of the rides: tlc is A, snake B, minimal C")
	partitions := flags.String("partitions", "4,1,16", "how many `partitions` a topic has")
	compressions := flags.String("codecs", "none,lz4", "`codecs` that producers compress with: "+strings.Join(codecs(), ", "))
	flags.BoolVar(&o.all, "all", false, "backfill each dialect with each number of partitions and each codec, not one thing changed at a time; takes half an hour more")
	short := flags.Bool("short", false, "tiny numbers, once, to see that it works; no measurement. Wins over the flags above")
	flags.IntVar(&o.runs, "runs", 5, "how often floor and sink are measured, in turns")
	flags.StringVar(&o.json, "json", "", "`file` for the results as JSON")
	flags.StringVar(&o.markdown, "markdown", "", "`document` whose part between the two marks is replaced, such as docs/performance.md")
	flags.StringVar(&o.svg, "svg", "", "`file` for the chart, such as docs/performance.svg")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%s: only flags are understood", flags.Arg(0))
	}
	var err error
	problem := func(e error) { err = errors.Join(err, e) }
	o.parts = list(*parts, "-parts", problem, oneOf(allParts()))
	o.rides = list(*rides, "-rides", problem, positive)
	o.codecs = list(*compressions, "-codecs", problem, oneOf(codecs()))
	o.dialects = list(*dialects, "-dialects", problem, func(s string) (schema.Dialect, error) {
		d, err := schema.ParseDialect(s)
		if err == nil && (d == schema.GreenCSV || d == schema.GreenFrame) {
			err = errors.New("green rides are others: they cannot be compared with the yellow ones")
		}
		return d, err
	})
	for _, n := range list(*partitions, "-partitions", problem, positive) {
		o.partitions = append(o.partitions, int(n))
	}
	if o.runs < 1 {
		problem(errors.New("-runs must be 1 or more"))
	}
	if *short {
		o.short()
	}
	return o, err
}

// list reads what a flag lists.
func list[T any](text, name string, problem func(error), read func(string) (T, error)) (all []T) {
	for one := range strings.SplitSeq(text, ",") {
		value, err := read(strings.TrimSpace(one))
		if err != nil {
			problem(fmt.Errorf("%s %q: %w", name, one, err))
			continue
		}
		all = append(all, value)
	}
	return all
}

func oneOf(known []string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !slices.Contains(known, s) {
			return "", errors.New("must be of " + strings.Join(known, ", "))
		}
		return s, nil
	}
}

func positive(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n < 1 {
		err = errors.New("must be 1 or more")
	}
	return n, err
}
