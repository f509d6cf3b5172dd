package sink

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ridesink/schema"
)

// metrics_test.go: names follow the conventions, docs/metrics.md lists what there is, and what a scrape shows is true.

// describing is a Registerer that also lists the metrics that collectors announce.
type describing struct {
	*prometheus.Registry
	names []string
}

// Register implements prometheus.Registerer.
func (d *describing) Register(c prometheus.Collector) error {
	announced := make(chan *prometheus.Desc)
	go func() { defer close(announced); c.Describe(announced) }() // ends with Describe: all are received below
	for desc := range announced {
		_, name, _ := strings.Cut(desc.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		d.names = append(d.names, name)
	}
	return d.Registry.Register(c)
}

// measuredSink is a Sink that has never dialed, with two partitions of which it has seen everything that a metric can show.
func measuredSink(t *testing.T) (*Sink, *describing) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Brokers, cfg.DatabaseURL = []string{"127.0.0.1:1"}, "postgres://nobody@127.0.0.1:1/none"
	registry := &describing{Registry: prometheus.NewPedanticRegistry()}
	s, err := New(cfg, registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	states := map[topicPartition]*partitionState{}
	for n := range int32(2) {
		tp := topicPartition{topic: "rides", partition: n}
		states[tp] = newPartitionState(tp)
		states[tp].sawLog(5, 150, 160)
		b := &batch{
			topicPartition: tp, first: 100, next: 115, rows: make([]byte, 1000), index: make([]rowAt, 5),
			counts: counts{inserted: 5, deadLettered: 4, tombstones: 3, notRecords: 2, lost: 1},
			dead: []deadLetter{
				{reason: string(schema.ReasonBadTime)},
				{reason: string(schema.ReasonBadTime)},
				{reason: string(schema.ReasonBadTime)},
				{reason: string(schema.ReasonRejected)},
			},
			last: lastRecord{known: true, offset: 114, timestamp: time.Now().Add(-time.Minute).UnixMilli()},
		}
		states[tp].wrote(b)
		s.metrics.wrote(b, 30*time.Millisecond)
	}
	states[topicPartition{topic: "rides", partition: 1}].halted("for the test")
	s.owned.replace(states, true)
	_, turns := shareOut(64<<20, 1<<20, 2, 4)
	turns.take(t.Context(), 0)
	s.turns.Store(turns)
	return s, registry
}

func TestMetricsFollowTheConventions(t *testing.T) {
	t.Parallel()
	_, registry := measuredSink(t)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestMetricsShowWhatHappened(t *testing.T) {
	t.Parallel()
	s, registry := measuredSink(t)
	s.outages.set(&outage{what: "postgres", since: time.Now().Add(-90 * time.Second), attempts: 7}, fmt.Errorf("for the test"))
	shown := samples(t, registry)
	for name, want := range map[string]float64{
		`ridesink_records_total{outcome="inserted",partition="0",topic="rides"}`:    5,
		`ridesink_records_total{outcome="dead_letter",partition="1",topic="rides"}`: 4,
		`ridesink_records_total{outcome="tombstone",partition="0",topic="rides"}`:   3,
		`ridesink_records_total{outcome="not_record",partition="0",topic="rides"}`:  2,
		`ridesink_records_total{outcome="lost",partition="0",topic="rides"}`:        1,
		`ridesink_dead_letters_total{reason="bad_time",topic="rides"}`:              6,
		`ridesink_dead_letters_total{reason="rejected_by_database",topic="rides"}`:  2,
		`ridesink_transactions_total`:                                               2,
		`ridesink_copied_bytes_total`:                                               2000,
		`ridesink_record_age_seconds`:                                               2, // observations
		`ridesink_position{partition="0",topic="rides"}`:                            115,
		`ridesink_lag_records{partition="0",topic="rides"}`:                         35,
		`ridesink_log_start_offset{partition="0",topic="rides"}`:                    5,
		`ridesink_high_watermark{partition="0",topic="rides"}`:                      160,
		`ridesink_partition_halted{partition="0",topic="rides"}`:                    0,
		`ridesink_partition_halted{partition="1",topic="rides"}`:                    1,
		`ridesink_turns{state="busy"}`:                                              1,
		`ridesink_turns{state="limit"}`:                                             2,
		`ridesink_partitions_owned`:                                                 2,
		`ridesink_ready`:                                                            0,
		`ridesink_server_up{server="kafka"}`:                                        1,
		`ridesink_server_up{server="postgres"}`:                                     0,
		`ridesink_outage_seconds{server="kafka"}`:                                   0,
		`ridesink_postgres_connections{state="limit"}`:                              float64(s.cfg.Connections),
	} {
		if got, there := shown[name]; !there || got != want {
			t.Errorf("%s is %v (there: %t), want %v", name, got, there, want)
		}
	}
	if away := shown[`ridesink_outage_seconds{server="postgres"}`]; away < 90 || away > 600 {
		t.Errorf("PostgreSQL has been away for %v s, want 90 and a little", away)
	}
	s.owned.replace(nil, false)
	for name := range samples(t, registry) {
		if strings.HasPrefix(name, "ridesink_position") || strings.HasPrefix(name, "ridesink_lag_records") {
			t.Errorf("%s is still shown after the partition was revoked", name)
		}
	}
}

// samples returns every sample by name and labels, a histogram as the number of its observations.
func samples(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// TestEveryPartitionOfManyIsShown: 256 partitions with every outcome stay below what docs/metrics.md says, and a scrape takes no time.
func TestEveryPartitionOfManyIsShown(t *testing.T) {
	t.Parallel()
	s, registry := measuredSink(t)
	states := map[topicPartition]*partitionState{}
	for n := range int32(256) {
		tp := topicPartition{topic: "rides", partition: n}
		states[tp] = newPartitionState(tp)
		states[tp].sawLog(0, 15, 15)
		b := &batch{topicPartition: tp, next: 15, counts: counts{inserted: 5, deadLettered: 4, tombstones: 3, notRecords: 2, lost: 1}}
		states[tp].wrote(b)
		s.metrics.wrote(b, time.Millisecond)
	}
	s.owned.replace(states, true)
	began := time.Now()
	shown := samples(t, registry)
	if took := time.Since(began); took > time.Second {
		t.Errorf("a scrape takes %s", took)
	}
	if len(shown) < 256*11 || len(shown) > 3100 {
		t.Errorf("%d series, want 11 for each of 256 partitions and not above the 3,100 that docs/metrics.md names", len(shown))
	}
}

// TestMetricsDocument holds: docs/metrics.md lists each metric of the sink with its type, labels and help, and nothing else.
func TestMetricsDocument(t *testing.T) {
	t.Parallel()
	_, registry := measuredSink(t)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, family := range families {
		labels := map[string]bool{}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
		want[family.GetName()] = fmt.Sprintf("%s | %s | %s", strings.ToLower(family.GetType().String()),
			strings.Join(slices.Sorted(maps.Keys(labels)), ", "), family.GetHelp())
	}
	for _, name := range registry.names {
		if _, shown := want[name]; !shown {
			t.Errorf("%s is registered, and this test's sink does not show it", name)
		}
	}
	listed := documentedMetrics(t)
	for name, is := range want {
		if listed[name] != is {
			t.Errorf("docs/metrics.md says of %s:\n%s\nit is:\n%s", name, listed[name], is)
		}
	}
	for name := range listed {
		if _, there := want[name]; !there {
			t.Errorf("docs/metrics.md lists %s, which the sink does not have", name)
		}
	}
}

// documentedMetrics returns the rows of the document's table of the sink: type, labels and meaning by name.
func documentedMetrics(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "\n## The sink\n")
	section, _, _ = strings.Cut(section, "\n## ")
	listed := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[0], " `") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		listed[strings.Trim(cells[0], "`")] = fmt.Sprintf("%s | %s | %s", cells[1], cells[2], cells[3])
	}
	return listed
}
