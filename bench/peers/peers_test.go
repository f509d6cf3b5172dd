package main

import (
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ridesink/internal/synthetic"
	"ridesink/schema"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		args     []string
		want     options
		refused  string
	}{
		{"nothing", nil, options{1_000_000, 50_000, 5, "ridesink,flink,debezium,python", true, ""}, ""},
		{"short", []string{"-short", "-kill=false"}, options{20_000, 2_000, 1, "ridesink,flink,debezium,python", false, ""}, ""},
		{"no more slow rides than others", []string{"-rides", "1000"}, options{1_000, 1_000, 5, "ridesink,flink,debezium,python", true, ""}, ""},
		{"no rides", []string{"-rides", "0"}, options{}, "must be 2 or more"},
		{"a stray argument", []string{"short"}, options{}, "only flags"},
	} {
		got, err := parse(c.args, io.Discard)
		switch {
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: the error is %v, want one with %q", c.scenario, err, c.refused)
		case c.refused == "" && (err != nil || got != c.want):
			t.Errorf("%s: %+v (%v), want %+v", c.scenario, got, err, c.want)
		}
	}
	if _, err := parse([]string{"-h"}, io.Discard); err != flag.ErrHelp { //nolint:errorlint // flag returns it as it is
		t.Errorf("-h: %v", err)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	chosen, err := choose("flink, ridesink")
	if err != nil || len(chosen) != 2 || chosen[0].name != "flink" || chosen[1].name != "ridesink" {
		t.Errorf("chosen: %v (%v)", chosen, err)
	}
	if _, err := choose("ridesink,telegraf"); err == nil || !strings.Contains(err.Error(), `"telegraf"`) {
		t.Errorf("a peer that is not there: %v", err)
	}
}

func TestHundredths(t *testing.T) {
	t.Parallel()
	for text, want := range map[schema.Decimal]int64{"0": 0, "9.5": 950, "9.50": 950, "-4.25": -425, ".3": 30, "12": 1200, "": 0} {
		if got, err := hundredths(text); err != nil || got != want {
			t.Errorf("%q: %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []schema.Decimal{"1.234", "1e3", "x"} {
		if got, err := hundredths(text); err == nil {
			t.Errorf("%q is %d, want an error", text, got)
		}
	}
}

// TestAddCounts holds: what a topic should add up to is what its JSON says, read by the decoder.
func TestAddCounts(t *testing.T) {
	t.Parallel()
	made := &topic{}
	generator := synthetic.New(1, synthetic.Yellow)
	var amount float64
	var decoder schema.Decoder
	for range 1000 {
		ride := generator.Next()
		value, err := made.add(&ride)
		if err != nil {
			t.Fatal(err)
		}
		read, err := decoder.Ride(value)
		if err != nil {
			t.Fatal(err)
		}
		cents, err := hundredths(read.TotalAmount)
		if err != nil {
			t.Fatal(err)
		}
		amount += float64(cents)
	}
	if made.rides != 1000 || float64(made.amount) != amount || made.bytesPerRide() < 350 || made.bytesPerRide() > 450 {
		t.Errorf("%d rides, %d hundredths, %d bytes each; want 1000, %.0f, some 400", made.rides, made.amount, made.bytesPerRide(), amount)
	}
}

func TestCheckSeesEachDifference(t *testing.T) {
	t.Parallel()
	from := &topic{rides: 10, amount: 500, distance: 70}
	right := content{rows: 10, rides: 10, amount: 500, distance: 70}
	if err := right.check(from); err != nil {
		t.Error(err)
	}
	for scenario, damage := range map[string]func(*content){
		"a ride twice":             func(c *content) { c.rows++ },
		"one lost and one doubled": func(c *content) { c.rides-- },
		"another amount":           func(c *content) { c.amount++ },
		"another distance":         func(c *content) { c.distance-- },
	} {
		wrong := right
		damage(&wrong)
		if wrong.check(from) == nil {
			t.Errorf("%s: nothing is found", scenario)
		}
	}
}

func TestPerSecond(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := commits{first: first, last: first.Add(2 * time.Second), rowsOfFirst: 100}
	if got := c.perSecond(1100); math.Abs(got-500) > 1e-9 {
		t.Errorf("%f rides/s, want 500", got)
	}
	if got := (commits{first: first, last: first, rowsOfFirst: 100}).perSecond(100); got != 0 {
		t.Errorf("one transaction: %f rides/s, want 0, which is unknown", got)
	}
}

// TestLastCheckpoint holds: only a complete checkpoint counts, and the newest by number, not by name.
func TestLastCheckpoint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := lastCheckpoint(dir); got != "" {
		t.Errorf("no checkpoint: %q", got)
	}
	for _, name := range []string{"job/chk-9", "job/chk-10", "job/chk-11", "job/shared"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "job/chk-11" { // was being made when it was killed
			if err := os.WriteFile(filepath.Join(dir, name, "_metadata"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := lastCheckpoint(dir), filepath.Join(dir, "job", "chk-10"); got != want {
		t.Errorf("the last checkpoint is %q, want %q", got, want)
	}
}

func TestProjectLeavesOut(t *testing.T) {
	t.Parallel()
	got := project("a.b:c:1.0:d.e/f", "g:h:2")
	for _, want := range []string{
		"<groupId>a.b</groupId><artifactId>c</artifactId><version>1.0</version><exclusions><exclusion><groupId>d.e</groupId><artifactId>f</artifactId></exclusion></exclusions></dependency>",
		"<groupId>g</groupId><artifactId>h</artifactId><version>2</version></dependency>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nhas no %s", got, want)
		}
	}
}

func TestReplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, document, want string }{
		{"marks that are missing", "# H\n", "# H\n\n## Beside what people use instead\n\n" + beginMark + "\nnew\n" + endMark + "\n"},
		{"an older part", "a\n" + beginMark + "\nold\n" + endMark + "\nb\n", "a\n" + beginMark + "\nnew\n" + endMark + "\nb\n"},
		{"an empty part", beginMark + endMark, beginMark + "\nnew\n" + endMark},
	} {
		if got, err := replaced(c.document, "new\n"); err != nil || got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.scenario, got, err, c.want)
		}
	}
	for _, broken := range []string{beginMark, endMark, endMark + beginMark} {
		if got, err := replaced(broken, "new"); err == nil {
			t.Errorf("%q became %q, want an error", broken, got)
		}
	}
}

// TestTables holds: the median is the middle, the ratio is that of the medians, failures and kills say what they are.
func TestTables(t *testing.T) {
	t.Parallel()
	many := &topic{rides: 1_000_000}
	turns := func(rates ...float64) (all []speed) {
		for _, r := range rates {
			all = append(all, speed{perSecond: r, whole: 2 * time.Second, cpu: 3 * time.Second, peak: 64 << 20})
		}
		return all
	}
	c := comparison{results: []*result{
		{peer: &peer{name: "ridesink", title: "ridesink"}, topic: many, turns: turns(500_000, 700_000, 600_000), killed: &damage{atKill: 500_001}},
		{peer: &peer{name: "flink", title: "Flink"}, topic: many, turns: turns(50_000, 100_000), killed: &damage{atKill: 500_000, twice: 1234, lost: 1}},
		{peer: &peer{name: "python", title: "Python"}, topic: &topic{rides: 10}, tooQuick: true},
	}}
	for n, want := range []string{
		"ridesink|1.0|600,000|500,000 to 700,000|1,000,000|2.0|3.0|64",
		"Flink|8.0|75,000|50,000 to 100,000|1,000,000|2.0|3.0|64",
		"Python|-|failed|||||",
	} {
		if got := strings.Join(c.row(c.results[n]), "|"); got != want {
			t.Errorf("speed:\n%s, want\n%s", got, want)
		}
	}
	for n, want := range []string{
		"ridesink|1,000,000|500,001|0|0",
		"Flink|1,000,000|500,000|1,234|1",
		"Python|10|was done before the kill||",
	} {
		if got := strings.Join(damageRow(c.results[n]), "|"); got != want {
			t.Errorf("damage:\n%s, want\n%s", got, want)
		}
	}
	if err := c.failure(); err != nil {
		t.Errorf("doubles of others are no failure: %v", err)
	}
	c.results[0].killed.twice = 1
	if c.failure() == nil {
		t.Error("a ride that the sink stored twice is no failure")
	}
}
