package monitoring

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// files_test.go: the files fit together, and name only metrics that docs/metrics.md lists.

// documented are the metrics of docs/metrics.md, with what a histogram shows of itself.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(read(t, "../../docs/metrics.md")) {
		m := regexp.MustCompile("^\\| `(ridesink_[a-z_]+)` \\| (counter|gauge|histogram) \\|").FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[2] == "histogram":
			names[m[1]+"_bucket"], names[m[1]+"_sum"], names[m[1]+"_count"] = true, true, true
		default:
			names[m[1]] = true
		}
	}
	if len(names) < 10 {
		t.Fatalf("docs/metrics.md lists only %v", names)
	}
	return names
}

// others are metrics that are not the sink's own.
func others() []string {
	return []string{"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func wantKnown(t *testing.T, where, expression string, known map[string]bool) {
	t.Helper()
	for _, name := range metricsIn(t, expression) {
		if !known[name] && !slices.Contains(others(), name) {
			t.Errorf("%s asks for %s, which docs/metrics.md does not list", where, name)
		}
	}
}

func TestRulesNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	known := documented(t)
	for name, rule := range rules(t) {
		wantKnown(t, name, rule.Expr, known)
	}
}

// dashboard is what the test looks at of Grafana's file.
type dashboard struct {
	UID    string `json:"uid"`
	Panels []struct {
		ID         int        `json:"id"`
		Title      string     `json:"title"`
		Datasource datasource `json:"datasource"`
		GridPos    struct{ X, Y, W, H int }
		Targets    []struct {
			Datasource datasource `json:"datasource"`
			Expr       string     `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
	Templating struct {
		List []struct {
			Name       string     `json:"name"`
			Datasource datasource `json:"datasource"`
			Definition string     `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
}

type datasource struct{ Type, UID string }

// TestDashboard holds: panels have ids of their own and places that do not overlap, every expression is one, of metrics that exist, and asks the
// source that is provisioned.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "grafana/dashboards/ridesink.json")), &d); err != nil {
		t.Fatal(err)
	}
	var sources struct {
		Datasources []struct{ Type, UID, URL string } `yaml:"datasources"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "grafana/provisioning/datasources/ridesink.yml")), &sources); err != nil {
		t.Fatal(err)
	}
	if len(sources.Datasources) != 1 || d.UID == "" || len(d.Panels) < 10 {
		t.Fatalf("%d sources, dashboard %q with %d panels", len(sources.Datasources), d.UID, len(d.Panels))
	}
	source := datasource{sources.Datasources[0].Type, sources.Datasources[0].UID}
	known, ids, taken := documented(t), map[int]string{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if before, twice := ids[p.ID]; twice || p.Title == "" {
			t.Errorf("panels %q and %q have id %d", before, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, is := taken[[2]int{x, y}]; is || x >= 24 {
					t.Fatalf("%q lies on %q, or beyond column 24", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if len(p.Targets) == 0 || p.Datasource != source {
			t.Errorf("%q has %d targets and asks %v, want %v", p.Title, len(p.Targets), p.Datasource, source)
		}
		for _, target := range p.Targets {
			expression := strings.NewReplacer("$__rate_interval", "1m", "$topic", ".*").Replace(target.Expr)
			wantKnown(t, p.Title, expression, known)
			if target.Datasource != source {
				t.Errorf("%q asks %v, want %v", p.Title, target.Datasource, source)
			}
		}
	}
	for _, v := range d.Templating.List {
		m := regexp.MustCompile(`^label_values\((\w+), \w+\)$`).FindStringSubmatch(v.Definition)
		if m == nil || !known[m[1]] || v.Datasource != source {
			t.Errorf("variable %s is %q of %v", v.Name, v.Definition, v.Datasource)
		}
	}
}

// TestPrometheusConfiguration holds: it reads the rules, and its job has the name that they ask for.
func TestPrometheusConfiguration(t *testing.T) {
	t.Parallel()
	var c struct {
		Global        map[string]string `yaml:"global"`
		RuleFiles     []string          `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "prometheus.yml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.RuleFiles, []string{"alerts.yml"}) || len(c.ScrapeConfigs) != 1 || c.ScrapeConfigs[0].JobName != "ridesink" ||
		!slices.Equal(c.ScrapeConfigs[0].StaticConfigs[0].Targets, []string{"sink-live:8080"}) {
		t.Errorf("it is %+v", c)
	}
}
