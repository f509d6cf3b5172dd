package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"ridesink/internal/localenv"
	"ridesink/migrations"
)

func TestMain(m *testing.M) { os.Exit(localenv.Main(m)) }

// command runs a command line in this process.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	const nowhere = "postgres://nobody:sesame@127.0.0.1:1/none"
	for _, tt := range []struct {
		scenario string
		args     []string
		code     int
		stderr   string // a part of it
	}{
		{"no command", nil, exitUsage, "expected one of"},
		{"a command that does not exist", []string{"backfil"}, exitUsage, "backfil"},
		{"a flag that does not exist names the command's help", []string{"migrate", "up", "--nope"}, exitUsage, "try: sink migrate up --help"},
		{"a stray argument", []string{"run", "fast"}, exitUsage, "fast"},
		{"a log level that does not exist", []string{"version", "--log-level=loud"}, exitUsage, "--log-level"},
		{"a value of another type", []string{"produce", "--synthetic=many"}, exitUsage, "--synthetic"},
		{"a dialect that does not exist names those that do", []string{"produce", "--synthetic=1", "--dialect=klingon"}, exitUsage, "green-csv"},
		{"neither a file nor synthetic rides", []string{"produce"}, exitUsage, "--synthetic"},
		{"a file and synthetic rides", []string{"produce", "--synthetic=1", "rides.csv"}, exitUsage, "either"},
		{"all faults of a line are told at once", []string{"produce", "--synthetic=-1", "--rate=-1"}, exitUsage, "; --rate -1"},
		{"a file that is not there", []string{"produce", "no-such-file.csv"}, exitUsage, "no such file"},
		{"a file of an unknown kind", []string{"produce", "rides.xls"}, exitUsage, "--input-format"},
		{"the format of the file where that of records stands", []string{"produce", "--format=csv", "rides"}, exitUsage, "write --input-format csv"},
		{"a format that does not exist names those that do", []string{"produce", "--format=xml", "--synthetic=1"}, exitUsage, "json, json-schema, avro, protobuf"},
		{"Avro without a registry", []string{"produce", "--format=avro", "--synthetic=1"}, exitUsage, "--schema-registry-url"},
		{"Avro in a dialect", []string{"produce", "--format=avro", "--dialect=snake", "--schema-registry-url=http://127.0.0.1:1", "--synthetic=1"}, exitUsage, "--dialect"},
		{"JSON Schema of NaN", []string{"produce", "--format=json-schema", "--dialect=green-frame", "--schema-registry-url=http://127.0.0.1:1", "--synthetic=1"}, exitUsage, "no JSON"},
		{"Parquet from stdin", []string{"produce", "--input-format=parquet", "-"}, exitUsage, "not stdin"},
		{"no broker", []string{"produce", "--synthetic=1", "--brokers=127.0.0.1:1"}, exitEnvironment, "no Kafka broker answers"},
		{"removing tables without saying how far", []string{"migrate", "down"}, exitUsage, "--all"},
		{"removing tables with two answers how far", []string{"migrate", "down", "--all", "--steps=1"}, exitUsage, "--all"},
		{"no database", []string{"migrate", "up", "--database-url", nowhere}, exitEnvironment, "cannot be reached"},
		{"a database URL that is none", []string{"migrate", "up", "--database-url", "postgres://u:sesame@:h:1"}, exitUsage, "percent-encoded"},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := command(t, tt.args...)
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			if code != tt.code || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, stderr %q; want %d and %q", code, stderr, tt.code, tt.stderr)
			}
			if len(lines) != 1 || !strings.HasPrefix(lines[0], "sink: ") || stdout != "" || strings.Contains(stderr, "sesame") {
				t.Errorf("stdout %q, stderr %q; want one line on stderr, without the password", stdout, stderr)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, stdout, _ := command(t, "version")
	if code != exitDone || !strings.HasPrefix(stdout, "sink ") || !strings.Contains(stdout, "commit ") || !strings.Contains(stdout, "go1.") {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scenario string
		err      error
		want     int
	}{
		{"no error is done", nil, exitDone},
		{"any error is a failure while running", errors.New("x"), exitFailed},
		{"a wrapped usage error is one", fmt.Errorf("y: %w", usageError(errors.New("x"))), exitUsage},
		{"a joined environment error is one", errors.Join(environmentError(errors.New("x")), errors.New("y")), exitEnvironment},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.scenario, got, tt.want)
		}
	}
}

func TestMigrateCommands(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	newest := migrations.Newest()
	for _, step := range []struct {
		args   []string
		stdout string
	}{
		{[]string{"version"}, fmt.Sprintf("version 0 of %d\n", newest)},
		{[]string{"up"}, fmt.Sprintf("version %d, %d applied now\n", newest, newest)},
		{[]string{"up", "--recover"}, fmt.Sprintf("version %d, 0 applied now\n", newest)},
		{[]string{"down", "--steps=1"}, fmt.Sprintf("version %d, 1 reverted now\n", newest-1)},
		{[]string{"down", "--all"}, fmt.Sprintf("version 0, %d reverted now\n", newest-1)},
		{[]string{"version"}, fmt.Sprintf("version 0 of %d\n", newest)},
	} {
		code, stdout, stderr := command(t, append(append([]string{"migrate"}, step.args...), "--log-level=warn", "--database-url", database)...)
		if code != exitDone || stdout != step.stdout || stderr != "" {
			t.Fatalf("migrate %q: exit code %d, stdout %q, stderr %q; want %q", step.args, code, stdout, stderr, step.stdout)
		}
	}
}
