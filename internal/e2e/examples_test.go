package e2e

import (
	"compress/gzip"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// examples_test.go runs the examples that the help of the commands shows, as a shell runs them.

// example is a line of the help, and what becomes of it.
type example struct {
	line   string
	exit   int
	needs  string      // a program that not every machine has
	not    string      // why it is not run here; "" if it is
	stop   bool        // it goes on until SIGTERM, which comes when it has printed something
	beside []string    // with stop: examples that must exit with 0 beside it, before it is stopped
	before func(scene) // what must happen first; nil for nothing
}

// examples are all examples, in an order in which they can be run. Topic rides has 4,200 rides in each of four partitions, and then in
// partition 3 a record that is no ride.
func examples() []example {
	return []example{
		{line: "sink version"},
		{line: "source <(sink completion bash)"},
		{line: "source <(sink completion zsh)", not: "it is zsh's"},
		{line: "sink completion fish > ~/.config/fish/completions/sink.fish"},

		{line: "sink migrate up"},
		{line: "sink migrate up --recover"},
		{line: "sink migrate version"},
		{line: "DATABASE_URL_FILE=/run/secrets/database-url sink migrate version", not: "the file is a container's"},

		{line: "sink backfill --migrate", exit: 4},
		{line: "DATABASE_URL=postgres://postgres:postgres@localhost:5432/postgres sink backfill --topics rides --json", not: "it names a server"},
		{line: "sink peek rides --limit 3"},
		{line: "sink peek rides --partition 2 --offset 4200"},
		{line: `sink peek rides --from 2020-07-01T00:00:00Z --limit 0 | jq 'select(.outcome != "insert")'`, needs: "jq"},

		{line: "sink deadletters list"},
		{line: "sink deadletters list --reason wrong_type --since 2026-11-01T00:00:00Z --limit 20"},
		{line: "sink deadletters list --partition rides/3 --json | jq -r .reason | sort | uniq -c", needs: "jq"},
		{line: "sink deadletters show rides/3/4200"},
		{line: "sink deadletters show rides/3/4200 --json | jq -r .value | base64 -d", needs: "jq"},
		{line: "sink deadletters retry"},
		{line: "sink deadletters retry --reason rejected_by_database --partition rides/3"},

		{line: "sink produce --topic rides --partitions 4 --synthetic 100000"},
		{line: "sink produce --topic rides yellow_tripdata_2020-07.parquet"},
		{line: "zcat rides.jsonl.gz | sink produce --input-format jsonl --rate 1000 -", needs: "zcat"},
		{
			line: "sink run --migrate --http-addr localhost:8080", stop: true,
			beside: []string{"sink healthcheck", "sink healthcheck --http-addr localhost:8080 --timeout 1s"},
		},
		{line: "sink run --brokers kafka-1:9092,kafka-2:9092 --topics rides,rides_green --start 2020-07-01T00:00:00Z", not: "it names servers"},
		{line: "sink status"},
		{line: "sink status --watch --topics rides", stop: true},
		{line: "sink status --json --rate-over 0s"},
		{line: "sink verify"},
		{line: "sink verify --sample 1% --seed 7"},
		{line: "sink verify --partition rides/3 --from 4000 --to 5000 --json"},

		{line: "sink reset --to 2020-07-01T00:00:00Z --dry-run"},
		{line: `sink reset --to 4200 --partition rides/3 --reason "batch 4100 is corrupt"`, exit: 2}, // there is no terminal to ask on
		{line: "sink deadletters drop --until 2026-11-01T00:00:00Z", exit: 2},                        // there is none
		{line: `sink deadletters drop --reason invalid_json --because "test data" --yes`},
		{line: "sink reset --recreated --keep-as rides_2020 --yes", before: func(s scene) { s.makeAgain(4) }},
		{line: "sink migrate down --steps 1"},
		{line: "sink migrate down --all"},
	}
}

// TestExamples holds: each example of each command's help exits as examples says, against real servers; no example is missing there.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4)
	records := recordsOf(t, s.topic(), 4, madeRides(random(t), 4*4200), writeTLC)
	s.publish(records)
	s.publish([]sent{{record: &kgo.Record{Topic: s.topic(), Partition: 3, Timestamp: epoch(), Value: []byte("no ride")}}})
	shell := newExampleShell(t, s, records[0].record.Value)

	var known []string
	for _, e := range examples() {
		known = append(append(known, e.line), e.beside...)
	}
	shown := shell.shown()
	for _, line := range shown {
		if !slices.Contains(known, line) {
			t.Errorf("the help shows an example that is not among examples(): %s", line)
		}
	}
	for _, line := range known {
		if !slices.Contains(shown, line) {
			t.Errorf("no help shows this example any more: %s", line)
		}
	}
	for _, e := range examples() {
		if e.not != "" {
			continue
		}
		if _, err := exec.LookPath(e.needs); e.needs != "" && err != nil {
			t.Logf("not run without %s: %s", e.needs, e.line)
			continue
		}
		if e.before != nil {
			e.before(s)
		}
		shell.try(e)
	}
}

// exampleShell runs lines in bash, in a directory with the files that the examples name.
type exampleShell struct {
	t       *testing.T
	dir     string
	env     []string
	replace func(string) string // puts the scene's topic and address in a line
}

// newExampleShell makes the directory. ride is a record's value.
func newExampleShell(t *testing.T, s scene, ride []byte) *exampleShell {
	t.Helper()
	dir, address := t.TempDir(), closedPort(t)
	binary, err := filepath.Abs(os.Getenv(binaryVariable))
	for _, err := range []error{
		err,
		os.MkdirAll(filepath.Join(dir, ".config", "fish", "completions"), 0o700),
		os.Mkdir(filepath.Join(dir, "bin"), 0o700),
		os.Symlink(binary, filepath.Join(dir, "bin", "sink")),
		writeGzip(filepath.Join(dir, "rides.jsonl.gz"), ride),
		writeParquetRide(filepath.Join(dir, "yellow_tripdata_2020-07.parquet")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	topic := regexp.MustCompile(`(--topics?|--partition|peek|show) rides\b`)
	return &exampleShell{
		t: t, dir: dir,
		env: append(s.environment(), "KAFKA_TOPIC="+s.topic(), "HTTP_ADDR="+address, "HOME="+dir,
			"PATH="+filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH")),
		replace: func(line string) string {
			return strings.ReplaceAll(topic.ReplaceAllString(line, "$1 "+s.topic()), "localhost:8080", address)
		},
	}
}

// shown are the examples that the help of all commands shows.
func (s *exampleShell) shown() []string {
	s.t.Helper()
	_, commands, found := strings.Cut(s.printed("sink --help"), "\nCommands:\n")
	if !found {
		s.t.Fatal("sink --help names no commands")
	}
	var shown []string
	for _, command := range regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)*)  `).FindAllStringSubmatch(commands, -1) {
		_, examples, _ := strings.Cut(s.printed("sink "+command[1]+" --help"), "\nExamples:\n")
		lines := 0
		for line := range strings.Lines(strings.TrimLeft(examples, "\n")) {
			text, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
			if !indented {
				break
			}
			shown = append(shown, text)
			lines++
		}
		if lines == 0 {
			s.t.Errorf("sink %s --help shows no example", command[1])
		}
	}
	return shown
}

// printed runs a line that must exit with 0 and returns what it printed.
func (s *exampleShell) printed(line string) string {
	s.t.Helper()
	run := s.start(line)
	if code := run.wait(); code != 0 {
		s.t.Fatalf("%s: exit code %d: %s", line, code, run.said())
	}
	return run.stdout.String()
}

// try runs an example to its end.
func (s *exampleShell) try(e example) {
	s.t.Helper()
	run := s.start(e.line)
	if e.stop {
		for _, line := range e.beside {
			eventually(s.t, longWait, line, func() (bool, string) {
				beside := s.start(line)
				return beside.wait() == 0, beside.said() + run.said()
			})
		}
		if len(e.beside) == 0 {
			eventually(s.t, longWait, e.line+" to print something", func() (bool, string) { return run.stdout.String() != "", run.said() })
		}
		run.stop()
	}
	if code := run.wait(); code != e.exit {
		s.t.Errorf("%s: exit code %d, want %d: %s", e.line, code, e.exit, run.said())
	}
}

// exampleRun is a line that runs.
type exampleRun struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	stop           context.CancelFunc // sends SIGTERM
}

// start starts a line. It gets SIGTERM after a while, or at the end of the test.
func (s *exampleShell) start(line string) *exampleRun {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), longWait)
	run := &exampleRun{t: s.t, stop: stop, cmd: exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", s.replace(line))}
	run.cmd.Dir, run.cmd.Env, run.cmd.Stdout, run.cmd.Stderr = s.dir, s.env, &run.stdout, &run.stderr
	run.cmd.Cancel = func() error { return run.cmd.Process.Signal(syscall.SIGTERM) } // bash has become the command, if the line is but one
	run.cmd.WaitDelay = 20 * time.Second
	if err := run.cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", line, err)
	}
	return run
}

// wait returns the exit code, -1 if a signal ended the line.
func (r *exampleRun) wait() int {
	defer r.stop()
	_ = r.cmd.Wait() // the state says it all
	return r.cmd.ProcessState.ExitCode()
}

func (r *exampleRun) said() string {
	return "stdout: " + tail(r.stdout.String()) + "\nstderr: " + tail(r.stderr.String())
}

// writeGzip writes lines as gzip -c does.
func writeGzip(path string, lines ...[]byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := gzip.NewWriter(file)
	for _, line := range lines {
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return w.Close()
}

// writeParquetRide writes a file with a ride, as the TLC does.
func writeParquetRide(path string) error {
	type ride struct {
		Vendor   int64   `parquet:"VendorID,optional"`
		Pickup   int64   `parquet:"tpep_pickup_datetime,optional,timestamp(microsecond:local)"`
		Dropoff  int64   `parquet:"tpep_dropoff_datetime,optional,timestamp(microsecond:local)"`
		Distance float64 `parquet:"trip_distance,optional"`
		Location int64   `parquet:"PULocationID,optional"`
		Total    float64 `parquet:"total_amount,optional"`
	}
	return parquet.WriteFile(path, []ride{{2, epoch().UnixMicro(), epoch().Add(time.Hour).UnixMicro(), 4.2, 132, 52.3}})
}
