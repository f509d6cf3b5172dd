package monitoring

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// alerts_test.go: Prometheus takes the rules, and each alert fires when it should and only then. series_test.go has the storage that is asked.

// step is how far the samples of a played series are apart, and how often a rule is evaluated.
const step = time.Minute

func rules(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("alerts.yml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), nil)
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	byName := map[string]rulefmt.Rule{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if _, twice := byName[rule.Alert]; twice {
				t.Errorf("there are two alerts %s", rule.Alert)
			}
			byName[rule.Alert] = rule
		}
	}
	return byName
}

// TestRulesSayWhatToDo holds: each alert waits a while, has a severity, says what is wrong and what to do.
func TestRulesSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, rule := range rules(t) {
		if rule.For <= 0 {
			t.Errorf("%s fires at once: a single bad scrape is enough", name)
		}
		if s := rule.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s has severity %q, want page or ticket", name, s)
		}
		for _, annotation := range []string{"summary", "action"} {
			if text := rule.Annotations[annotation]; len(text) < 30 || !strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("%s: its %s is no sentence: %q", name, annotation, text)
			}
		}
	}
}

// TestAlerts plays series, a sample a minute, and looks at which alerts fire when. In the notation of promtool, 0+10x30 is 0 and 30 more, each 10
// higher; _ is no sample. An alert that a scenario does not name must not fire in it.
func TestAlerts(t *testing.T) {
	t.Parallel()
	const partition = `{job="ridesink",instance="a",topic="rides",partition="0"}`
	records := func(outcome, values string) string {
		return `ridesink_records_total{job="ridesink",instance="a",topic="rides",partition="0",outcome="` + outcome + `"} ` + values
	}
	alerts := rules(t)
	played := map[string]bool{}
	for _, tt := range []struct {
		scenario string
		series   []string
		want     map[string]string // alerts that fire, and since when
	}{
		{
			scenario: "all is well: records come and go",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_ready{job="ridesink",instance="a"} 1x60`,
				`ridesink_lag_records` + partition + ` 0 500 20000 10 0 0 7 900 0x52`, records("inserted", "0+1000x60"), records("not_record", "0+3x60"),
				`ridesink_partition_halted` + partition + ` 0x60`, `ridesink_outage_seconds{job="ridesink",instance="a",server="postgres"} 0x60`,
				`ridesink_outage_seconds{job="ridesink",instance="a",server="kafka"} 0x60`,
				`ridesink_dead_letters_total{job="ridesink",instance="a",topic="rides",reason="bad_time"} 0x60`,
			},
		},
		{
			scenario: "a quiet topic: nothing comes, nothing is behind",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_ready{job="ridesink",instance="a"} 1x60`,
				`ridesink_lag_records` + partition + ` 0x60`, records("inserted", "5000x60"),
			},
		},
		{
			scenario: "a sink that restarts at once",
			series:   []string{`up{job="ridesink",instance="a"} 1x10 0 1x50`},
		},
		{
			scenario: "a sink that does not come back",
			series:   []string{`up{job="ridesink",instance="a"} 1x10 0x50`},
			want:     map[string]string{"RidesinkDown": "13m"},
		},
		{
			scenario: "a job that Prometheus does not know",
			series:   []string{`up{job="another",instance="b"} 1x60`},
			want:     map[string]string{"RidesinkDown": "2m"},
		},
		{
			scenario: "one partition halts, another goes on; no progress is said of neither",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_partition_halted` + partition + ` 0x20 1x40`,
				`ridesink_partition_halted{job="ridesink",instance="a",topic="rides",partition="1"} 0x60`,
				`ridesink_lag_records` + partition + ` 0x20 100x40`,
			},
			want: map[string]string{"RidesinkPartitionHalted": "22m"},
		},
		{
			scenario: "PostgreSQL restarts within a minute",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_outage_seconds{job="ridesink",instance="a",server="postgres"} 0x20 40 0x40`,
			},
		},
		{
			scenario: "PostgreSQL stays away while records come",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_outage_seconds{job="ridesink",instance="a",server="postgres"} 0x20 40+60x39`,
				`ridesink_ready{job="ridesink",instance="a"} 1x20 0x40`, records("inserted", "0+1000x20 20000x40"),
				`ridesink_lag_records` + partition + ` 0x20 100+100x39`,
			},
			want: map[string]string{"RidesinkPostgresAway": "23m", "RidesinkNotReady": "31m", "RidesinkNoProgress": "29m"},
		},
		{
			scenario: "Kafka stays away",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_outage_seconds{job="ridesink",instance="a",server="kafka"} 0x20 40+60x39`,
				`ridesink_outage_seconds{job="ridesink",instance="a",server="postgres"} 0x60`, `ridesink_ready{job="ridesink",instance="a"} 1x20 0x40`,
			},
			want: map[string]string{"RidesinkKafkaAway": "23m", "RidesinkNotReady": "31m"},
		},
		{
			scenario: "the schema registry stays away",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_outage_seconds{job="ridesink",instance="a",server="schema_registry"} 0x20 40+60x39`,
				`ridesink_ready{job="ridesink",instance="a"} 1x20 0x40`,
			},
			want: map[string]string{"RidesinkSchemaRegistryAway": "23m", "RidesinkNotReady": "31m"},
		},
		{
			scenario: "somebody holds a lock on rides: records wait, and none is stored from the start",
			series:   []string{`up{job="ridesink",instance="a"} 1x60`, `ridesink_lag_records` + partition + ` 10x60`},
			want:     map[string]string{"RidesinkNoProgress": "5m"},
		},
		{
			scenario: "only markers and gaps are left to pass over: that is progress",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_lag_records` + partition + ` 5000-10x60`, records("inserted", "7x60"), records("not_record", "0+10x60"),
			},
		},
		{
			scenario: "a partition moves to another member, which goes on",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `up{job="ridesink",instance="b"} 1x60`,
				`ridesink_lag_records` + partition + ` 100x20 _x40`, `ridesink_lag_records{job="ridesink",instance="b",topic="rides",partition="0"} _x21 100x39`,
				records("inserted", "0+50x20 1000x40"),
				`ridesink_records_total{job="ridesink",instance="b",topic="rides",partition="0",outcome="inserted"} _x21 50+50x38`,
			},
		},
		{
			scenario: "more is written than the sink stores",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_lag_records` + partition + ` 0+1000x60`, records("inserted", "0+5000x60"),
			},
			want: map[string]string{"RidesinkLagGrowing": "26m"},
		},
		{
			scenario: "a backfill: far behind, and catching up",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`, `ridesink_lag_records` + partition + ` 1000000-10000x60`, records("inserted", "0+10000x60"),
			},
		},
		{
			scenario: "one dead letter",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`,
				`ridesink_dead_letters_total{job="ridesink",instance="a",topic="rides",reason="bad_time"} 0x20 1x40`,
				`ridesink_dead_letters_total{job="ridesink",instance="a",topic="rides",reason="bad_text"} 0x60`,
			},
			want: map[string]string{"RidesinkDeadLetters": "22m"},
		},
		{
			scenario: "dead letters before the first scrape, as a backfill has them",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`,
				`ridesink_dead_letters_total{job="ridesink",instance="a",topic="rides",reason="bad_time"} _x20 5x40`,
			},
			want: map[string]string{"RidesinkDeadLetters": "21m"},
		},
		{
			scenario: "Prometheus begins beside dead letters of yesterday",
			series: []string{
				`up{job="ridesink",instance="a"} 1x60`,
				`ridesink_dead_letters_total{job="ridesink",instance="a",topic="rides",reason="bad_time"} 5x60`,
			},
			want: map[string]string{"RidesinkDeadLetters": "1m"}, // for it cannot know when they came
		},
		{
			scenario: "records were gone and the sink went on behind them",
			series:   []string{`up{job="ridesink",instance="a"} 1x60`, records("lost", "_x20 100x40")},
			want:     map[string]string{"RidesinkRecordsLost": "21m"},
		},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			stored := series(t, step, tt.series...)
			got := map[string]string{}
			for name, rule := range alerts {
				if since, fires := fires(t, stored, rule, time.Hour); fires {
					got[name] = shortly(since)
				}
			}
			if !maps.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("these fire: %v, want %v", got, tt.want)
			}
		})
		for name := range tt.want {
			played[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(alerts)) {
		if !played[name] {
			t.Errorf("%s fires in no scenario", name)
		}
	}
}

// fires evaluates a rule every step and says since when one of its alerts has been active for as long as the rule wants.
func fires(t *testing.T, stored memory, rule rulefmt.Rule, until time.Duration) (since time.Duration, fires bool) {
	t.Helper()
	query, err := engine().NewRangeQuery(context.Background(), stored, nil, rule.Expr, time.Unix(0, 0), time.Unix(0, 0).Add(until), step)
	if err != nil {
		t.Fatalf("%s: %v", rule.Alert, err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	matrix, err := result.Matrix()
	if err != nil {
		t.Fatalf("%s: %v", rule.Alert, err)
	}
	if len(result.Warnings) > 0 {
		t.Errorf("%s: %v", rule.Alert, result.Warnings.AsErrors())
	}
	first := time.Duration(-1)
	for _, s := range matrix {
		var begun, before int64 = -1, -1
		for _, point := range s.Floats {
			if before < 0 || point.T-before > step.Milliseconds() {
				begun = point.T
			}
			before = point.T
			if active := time.Duration(point.T-begun) * time.Millisecond; active >= time.Duration(rule.For) {
				if at := time.Duration(point.T) * time.Millisecond; first < 0 || at < first {
					first = at
				}
				break
			}
		}
	}
	return first, first >= 0
}

func engine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
		EnableAtModifier: true, EnableNegativeOffset: true,
	})
}

func shortly(d time.Duration) string { return fmt.Sprintf("%.0fm", d.Minutes()) }

// metricsIn returns the names of metrics that an expression asks for.
func metricsIn(t *testing.T, expression string) []string {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return nil
	}
	var names []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for _, m := range selector.LabelMatchers {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
				names = append(names, m.Value)
			}
		}
		return nil
	})
	if len(names) == 0 {
		t.Errorf("%s asks for no metric", expression)
	}
	return names
}
