package compose

import (
	"bufio"
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// file_test.go holds docker-compose.yml, .env.example and Dockerfile to what they promise.

const file = "../../docker-compose.yml"

func load(t *testing.T, env []string, profiles ...string) *types.Project {
	t.Helper()
	project, err := Load(t.Context(), file, env, profiles...)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		scenario string
		profiles []string
		want     string
	}{
		{"without a profile, one backfill of what is there", nil, "kafka migrate postgres sink"},
		{"demo sends rides first", []string{"demo"}, "kafka migrate postgres produce sink"},
		{"live has a sink that stays", []string{"live"}, "kafka migrate postgres sink sink-live"},
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(load(t, nil, s.profiles...).Services)), " "); got != s.want {
			t.Errorf("%s: services %s, want %s", s.scenario, got, s.want)
		}
	}
}

// TestOrder holds: nobody starts before what it needs is there.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := map[string]map[string]string{
		"migrate":   {"postgres": types.ServiceConditionHealthy},
		"produce":   {"kafka": types.ServiceConditionHealthy},
		"sink":      {"kafka": types.ServiceConditionHealthy, "migrate": types.ServiceConditionCompletedSuccessfully, "produce": types.ServiceConditionCompletedSuccessfully},
		"sink-live": {"kafka": types.ServiceConditionHealthy, "migrate": types.ServiceConditionCompletedSuccessfully, "produce": types.ServiceConditionCompletedSuccessfully},
	}
	project := load(t, nil, "demo", "live")
	for name, conditions := range want {
		got := map[string]string{}
		for on, d := range project.Services[name].DependsOn {
			got[on] = d.Condition
			if required := on != "produce"; d.Required != required {
				t.Errorf("%s requires %s: %t, want %t: it is there in profile demo only", name, on, d.Required, required)
			}
		}
		if !maps.Equal(got, conditions) {
			t.Errorf("%s depends on %v, want %v", name, got, conditions)
		}
	}
	for _, name := range []string{"kafka", "postgres", "sink-live"} {
		if check := project.Services[name].HealthCheck; check == nil || len(check.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	project := load(t, nil, "demo", "live")
	kafka, postgres := project.Services["kafka"], project.Services["postgres"]
	if !strings.HasPrefix(kafka.Image, "apache/kafka:4.") || postgres.Image != "postgres:18" {
		t.Errorf("images %s and %s, want apache/kafka:4.x and postgres:18", kafka.Image, postgres.Image)
	}
	advertised := *kafka.Environment["KAFKA_ADVERTISED_LISTENERS"]
	if !strings.Contains(advertised, "://localhost:9092") || !strings.Contains(advertised, "://kafka:29092") {
		t.Errorf("Kafka says that it is at %s, want localhost:9092 for this machine and kafka:29092 for the services", advertised)
	}
	for service, target := range map[string]string{"kafka": "/var/lib/kafka/data", "postgres": "/var/lib/postgresql"} {
		if v := project.Services[service].Volumes; len(v) != 1 || v[0].Target != target || v[0].Type != types.VolumeTypeVolume {
			t.Errorf("%s keeps its data in %v, want a volume at %s", service, v, target)
		}
	}
	for service, want := range map[string]string{"kafka": "9092", "postgres": "5432", "sink-live": "8080"} {
		ports := project.Services[service].Ports
		if len(ports) != 1 || ports[0].Published != want || ports[0].HostIP != "127.0.0.1" {
			t.Errorf("%s is published as %v, want port %s of this machine alone", service, ports, want)
		}
	}
}

// TestSinks holds for every service that runs the sink: the image is built here and has no rights.
func TestSinks(t *testing.T) {
	t.Parallel()
	project := load(t, nil, "demo", "live")
	sinks, err := Sinks(project)
	if err != nil {
		t.Fatal(err)
	}
	if len(sinks) != 4 {
		t.Errorf("%d services run the sink, want migrate, produce, sink and sink-live", len(sinks))
	}
	for _, s := range sinks {
		service := project.Services[s.Name]
		if service.Build == nil || service.Privileged || !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: want an image that is built here, read only, without capabilities", s.Name)
		}
	}
	dockerfile := read(t, "../../Dockerfile")
	for _, want := range []string{"CGO_ENABLED=0", "distroless/static", ":nonroot", `ENTRYPOINT ["/sink"]`, "main.version="} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile has no %s", want)
		}
	}
	if check := project.Services["sink-live"].HealthCheck.Test; !slices.Equal(check, []string{"CMD", "/sink", "healthcheck"}) {
		t.Errorf("the health check of sink-live is %q, want the sink's own", check)
	}
}

var (
	reference = regexp.MustCompile(`\$\{([A-Z_]+)`)
	setting   = regexp.MustCompile(`(?m)^#?([A-Z_]+)=`)
)

// TestEnvironmentExample holds: .env.example names what the file reads, all of it and nothing else, with the file's own defaults.
func TestEnvironmentExample(t *testing.T) {
	t.Parallel()
	example := read(t, "../../.env.example")
	names := func(r *regexp.Regexp, in string) []string {
		set := map[string]bool{}
		for _, m := range r.FindAllStringSubmatch(in, -1) {
			set[m[1]] = true
		}
		return slices.Sorted(maps.Keys(set))
	}
	reads := names(reference, strings.ReplaceAll(read(t, file), "${NAME:-default}", "")) // the comment that explains
	if lists := names(setting, example); !slices.Equal(reads, lists) {
		t.Errorf("docker-compose.yml reads %v\n.env.example lists %v", reads, lists)
	}
	var env []string
	for scanner := bufio.NewScanner(strings.NewReader(example)); scanner.Scan(); {
		if line := scanner.Text(); line != "" && !strings.HasPrefix(line, "#") {
			env = append(env, line)
		}
	}
	with, without := yaml(t, load(t, env, "*")), yaml(t, load(t, nil, "*"))
	if !bytes.Equal(with, without) {
		t.Errorf("with .env.example:\n%s\nwithout:\n%s", with, without)
	}
}

func yaml(t *testing.T, project *types.Project) []byte {
	t.Helper()
	out, err := project.MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
