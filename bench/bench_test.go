package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// bench_test.go: the arithmetic, and what is made of it. That all of it runs, bench -short shows.

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		numbers []float64
		want    spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1}, spread{2.5, 1, 4}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{9, 1, 2, 4}, spread{3, 1, 9}},
	} {
		before := slices.Clone(c.numbers)
		if got := spreadOf(c.numbers); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.numbers, got, c.want)
		}
		if !slices.Equal(c.numbers, before) {
			t.Errorf("%v became %v: pairs of runs must keep their order", before, c.numbers)
		}
	}
}

// A ratio is of a pair, the median of the pairs' ratios; not the ratio of two medians.
func TestRatio(t *testing.T) {
	t.Parallel()
	c := sample()
	// Pairs: 1/2 = 0.5, 3/4 = 0.75, 2/8 = 0.25. The ratio of the medians would be 2/4.
	if got, want := c.ratio(c.Sinks[0]), (spread{0.5, 0.25, 0.75}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := c.perSecond(c.Sinks[0]).Median; got != 1_000_000 {
		t.Errorf("4,000,000 rides in 4 s are %v rides/s", got)
	}
	if got := c.perRide(c.Sinks[0], sinkCPU).Median; got != 0.5 {
		t.Errorf("2 s for 4,000,000 rides are %v us a ride, want 0.5", got)
	}
}

// sample is a case of three pairs.
func sample() *result {
	c := &result{Part: partBackfill, shape: shape{Dialect: schema.TLC, Partitions: 4, Codec: "none", Rides: 4_000_000}}
	c.Floors, c.Sinks = []series{{Number: 2}}, []series{{Number: 1}}
	for _, pair := range [][2]float64{{1, 2}, {3, 4}, {2, 8}} {
		c.Floors[0].Runs = append(c.Floors[0].Runs, measurement{Seconds: pair[0]})
		c.Sinks[0].Runs = append(c.Sinks[0].Runs, measurement{Seconds: pair[1], Usage: usage{SinkCPU: 2}})
	}
	return c
}

func TestCPUSeconds(t *testing.T) {
	t.Parallel()
	const stat = "42 (java (x) y) S 1 42 42 0 -1 4194560 100 200 0 0 150 50 1000 300 20 0 9 0 77 1 1\n"
	if got := cpuSeconds(stat, false); got != 2 {
		t.Errorf("%v s, want 2", got)
	}
	if got := cpuSeconds(stat, true); got != 15 {
		t.Errorf("with dead children %v s, want 15", got)
	}
	if got := cpuSeconds("42 (sh) S 1", false); got != 0 {
		t.Errorf("%v s of a cut line, want 0", got)
	}
}

// However many rows are asked for, so many are sent, and each chunk is whole.
func TestExactly(t *testing.T) {
	t.Parallel()
	c := chunker{decoder: schema.NewDecoder()}
	generator := synthetic.New(seed, synthetic.Yellow)
	const held = 30
	for i := range held {
		ride := generator.Next()
		value, err := ride.AppendJSON(nil, schema.TLC)
		if err == nil {
			err = c.add(schema.Coordinates{Topic: "rides", Offset: int64(i)}, value)
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 {
			c.close()
		}
	}
	header, trailer := schema.AppendCopyHeader(nil), schema.AppendCopyTrailer(nil)
	for _, n := range []int64{1, 9, 10, 11, held, held + 1, 7*held + 13} {
		var rows int64
		for _, chunk := range exactly(c.all, n) {
			rows += chunk.rows()
			content, begins := bytes.CutPrefix(chunk.bytes, header)
			content, ends := bytes.CutSuffix(content, trailer)
			if want := int(chunk.ends[len(chunk.ends)-1]) - len(header); !begins || !ends || len(content) != want {
				t.Errorf("%d rows: a chunk of %d bytes of rows, want %d between header and trailer", n, len(content), want)
			}
		}
		if rows != n {
			t.Errorf("%d rows, want %d", rows, n)
		}
	}
	if rows := c.all[0].rows(); rows != 10 {
		t.Errorf("what is held has changed: %d rows in the first chunk, want 10", rows)
	}
}

func TestHundredths(t *testing.T) {
	t.Parallel()
	for text, want := range map[schema.Decimal]int64{"": 0, "0": 0, "9.3": 930, "-12.05": -1205, "7": 700, ".25": 25} {
		if got, err := hundredths(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []schema.Decimal{"1.005", "x", "1e3"} {
		if got, err := hundredths(text); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

// Times come from the log: the first assignment and the last transaction, over all members that had something to do.
func TestTimesOfMembers(t *testing.T) {
	t.Parallel()
	members := []*member{
		logged(`{"time":"2026-01-01T00:00:01Z","msg":"assigned"}`+"\n"+`{"time":"2026-01-01T00:00:03Z","msg":"wrote"}`+"\n"+
			`{"time":"2026-01-01T00:00:04Z","msg":"assigned"}`+"\n"+`{"time":"2026-01-01T00:00:06.5Z","msg":"wrote"}`+"\n", 70),
		logged(`{"time":"2026-01-01T00:00:02Z","msg":"assigned"}`+"\n"+`{"time":"2026-01-01T00:00:05Z","msg":"wrote"}`+"\n", 30),
		logged(`{"time":"2026-01-01T00:00:00Z","msg":"assigned"}`+"\n", 0), // without a partition
	}
	for _, m := range members {
		if err := m.read(); err != nil {
			t.Fatal(err)
		}
	}
	var r measurement
	if err := r.add(members, 100); err != nil {
		t.Fatal(err)
	}
	if r.Seconds != 5.5 || r.Took != 2 {
		t.Errorf("%v s, the summaries %v s; want 5.5 and 2", r.Seconds, r.Took)
	}
	if err := new(measurement).add(members, 101); err == nil {
		t.Error("a ride is missing, and nobody says so")
	}
	if err := new(measurement).add(members[2:], 0); err == nil {
		t.Error("nothing was written, and there is a time")
	}
}

func logged(log string, inserted int) *member {
	m := &member{began: time.Unix(0, 0), ended: time.Unix(9, 0)}
	m.stderr.WriteString(log)
	m.stdout.WriteString(`{"took_seconds":2,"this_run":{"inserted":` + strconv.Itoa(inserted) + `}}`)
	return m
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -123: "-123", -1234: "-1,234", 4_000_000: "4,000,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestReplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, document, want string }{
		{"marks that are missing", "# H\n", "# H\n\n## Beside COPY itself\n\n" + beginMark + "\nnew\n" + endMark + "\n"},
		{"an older part", "a\n" + beginMark + "\nold\n" + endMark + "\nb\n", "a\n" + beginMark + "\nnew\n" + endMark + "\nb\n"},
		{"an empty part", beginMark + endMark, beginMark + "\nnew\n" + endMark},
	} {
		got, err := replaced(c.document, "new\n")
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", c.scenario, got, err, c.want)
		}
		if again, err := replaced(got, "new\n"); err != nil || again != got {
			t.Errorf("%s: the same once more gives %q, %v; want no change", c.scenario, again, err)
		}
	}
	for _, broken := range []string{beginMark, endMark, endMark + beginMark} {
		if got, err := replaced(broken, "new"); err == nil {
			t.Errorf("%q became %q, want an error", broken, got)
		}
	}
}

// Each row of a table has a cell for each head, or Markdown shifts the numbers below other names.
func TestTablesAreFull(t *testing.T) {
	t.Parallel()
	r := &report{Results: []*result{sample(), sample(), sample(), sample()}}
	for i, part := range []string{partFloor, partStages, partGrowth} {
		r.Results[i+1].Part = part
	}
	r.Results[2].Stages = &stages{Fetch: []float64{1}, Decode: []float64{1}}
	r.Columns = []*tableCost{{Rides: 2, Seconds: []float64{1}, CPU: []float64{1}, LogBytes: []float64{1}}}
	r.Tuned, r.TunedRides = tunings(), 4_000_000
	for _, one := range r.Tuned {
		one.Runs = []measurement{{Seconds: 1}}
	}
	tables := r.tables()
	if len(tables) != 7 {
		t.Errorf("%d tables, want 7", len(tables))
	}
	for _, table := range tables {
		for _, row := range table.rows {
			if len(row) != len(table.head) {
				t.Errorf("%s: %d cells below %d heads: %q", table.title, len(row), len(table.head), row)
			}
		}
	}
	if want := "sink/floor 0.50 (0.25 to 0.75) for 4,000,000 rides of dialect A tlc"; !strings.HasPrefix(r.headline(), want) {
		t.Errorf("the headline is %q, want it to begin with %q", r.headline(), want)
	}
}

// The chart is well-formed whatever the names hold, says in words what it shows, and no bar leaves it.
func TestChart(t *testing.T) {
	t.Parallel()
	r := &report{Processor: `A<B> & "C"`, Results: []*result{sample(), sample()}}
	r.Results[1].Floors[0].Runs[0].Seconds = 3.1 // faster than COPY on two connections: 1.55
	chart := r.chart()
	var widest float64
	for decoder := xml.NewDecoder(bytes.NewReader(chart)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, chart)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "line" {
			for _, a := range element.Attr {
				if a.Name.Local == "x2" {
					x, err := strconv.ParseFloat(a.Value, 64)
					if err != nil {
						t.Fatal(err)
					}
					widest = max(widest, x)
				}
			}
		}
	}
	if widest > namesWidth+barsWidth || widest == 0 {
		t.Errorf("a line ends at %v, the scale at %d", widest, namesWidth+barsWidth)
	}
	if end := scaleEnd(r.bars()); math.Abs(end-1.75) > 1e-9 {
		t.Errorf("the scale ends with %v, want 1.75", end)
	}
	for _, want := range []string{"<title id=", "A tlc, 4 partitions, uncompressed, 4M: 0.50", "prefers-color-scheme: dark", "A&lt;B&gt; &amp;"} {
		if !bytes.Contains(chart, []byte(want)) {
			t.Errorf("the chart has no %s", want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-parts=backfill", "-dialects=tlc,java", "-rides=10,20", "-partitions=3", "-codecs=zstd"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cases := newPlan(o).cases; len(cases) != 4 || cases[0].shape != (shape{schema.TLC, 3, "zstd", 10}) {
		t.Errorf("%+v, want four cases, the first of the first of each list", cases)
	}
	all, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if first := newPlan(all).cases[0]; first.shape != (shape{schema.TLC, 4, "none", 4_000_000}) || first.part != partBackfill {
		t.Errorf("the first case is %+v, want the headline", first)
	}
	for flag, want := range map[string]int{"-all=false": 2 * (1 + 2 + 2 + 1), "-all": 2 * 3 * 3 * 2} {
		o, err := parse([]string{flag, "-parts=backfill"}, io.Discard)
		if cases := newPlan(o).cases; err != nil || len(cases) != want {
			t.Errorf("%s: %d cases, %v; want %d", flag, len(cases), err, want)
		}
	}
	for _, bad := range []string{"-parts=x", "-rides=0", "-rides=a", "-dialects=green-csv", "-codecs=zip", "-runs=0", "x"} {
		if _, err := parse([]string{bad}, io.Discard); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
