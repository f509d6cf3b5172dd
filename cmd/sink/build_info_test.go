package main

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestBuildInfo(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	if err := registerBuild(registry); err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	info, labels := families[0], map[string]string{}
	var names []string
	for _, l := range info.GetMetric()[0].GetLabel() {
		labels[l.GetName()], names = l.GetValue(), append(names, l.GetName())
	}
	if v, c := built(); labels["version"] != v || labels["commit"] != c || labels["goversion"] != runtime.Version() {
		t.Errorf("it says %v, sink version says %s and %s", labels, v, c)
	}
	document, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := "| `" + info.GetName() + "` | gauge | " + strings.Join(names, ", ") + " | " + info.GetHelp() + " |"
	if !strings.Contains(string(document), row) {
		t.Errorf("docs/metrics.md has no row that begins with\n%s", row)
	}
}
