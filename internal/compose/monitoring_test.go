package compose

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// monitoring_test.go: profile monitoring adds Prometheus and Grafana to whatever runs, with the files of deploy/monitoring.

func TestMonitoring(t *testing.T) {
	t.Parallel()
	project := load(t, nil, "live", "monitoring")
	if got, want := strings.Join(slices.Sorted(maps.Keys(project.Services)), " "), "grafana kafka migrate postgres prometheus sink sink-live"; got != want {
		t.Errorf("services %s, want %s", got, want)
	}
	for name, port := range map[string]string{"prometheus": "9090", "grafana": "3000"} {
		service := project.Services[name]
		if len(service.Ports) != 1 || service.Ports[0].Published != port || service.Ports[0].HostIP != "127.0.0.1" {
			t.Errorf("%s is published as %v, want port %s of this machine alone", name, service.Ports, port)
		}
		if _, tag, _ := strings.Cut(service.Image, ":"); tag == "" || tag == "latest" {
			t.Errorf("%s is %s: any version", name, service.Image)
		}
		mounted := 0
		for _, v := range service.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			mounted++
			if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				t.Errorf("%s mounts %s (read only: %t): %v", name, v.Source, v.ReadOnly, err)
			}
		}
		if mounted != 2 {
			t.Errorf("%s mounts %d of our files, want 2", name, mounted)
		}
	}
	scraped := read(t, "../../deploy/monitoring/prometheus.yml")
	if live := project.Services["sink-live"]; !strings.Contains(scraped, `"sink-live:8080"`) || *live.Environment["HTTP_ADDR"] != "0.0.0.0:8080" {
		t.Errorf("Prometheus does not scrape where sink-live listens, %s:\n%s", *live.Environment["HTTP_ADDR"], scraped)
	}
}
