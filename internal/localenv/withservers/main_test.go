package main

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"ridesink/internal/localenv"
)

// TestRun holds: servers that the environment names are passed on, and so is the command's exit code.
func TestRun(t *testing.T) {
	t.Setenv(localenv.DatabaseVariable, "postgres://here")
	t.Setenv(localenv.BrokersVariable, "there:9092")
	for _, s := range []struct {
		scenario string
		command  []string
		code     int
		fails    bool
	}{
		{"a command that ends well", []string{"sh", "-c", "test $TEST_DATABASE_URL$TEST_KAFKA_BROKERS = postgres://herethere:9092"}, 0, false},
		{"a command that fails", []string{"sh", "-c", "exit 3"}, 3, false},
		{"a command that dies", []string{"sh", "-c", "kill -9 $$"}, 1, false},
		{"a command that is not there", []string{"no-such-command"}, 0, true},
	} {
		code, err := run("", s.command)
		if code != s.code || (err != nil) != s.fails {
			t.Errorf("%s: exit code %d, error %v", s.scenario, code, err)
		}
	}
}

// TestRunWithPostgres holds: the command finds a server, and afterwards it is gone.
func TestRunWithPostgres(t *testing.T) {
	t.Setenv(localenv.DatabaseVariable, "")
	t.Setenv(localenv.BrokersVariable, "there:9092")
	told := t.TempDir() + "/url"
	code, err := run("", []string{"sh", "-c", "printf %s $TEST_DATABASE_URL > " + told})
	if err != nil || code != 0 {
		t.Fatalf("exit code %d, error %v", code, err)
	}
	url, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), string(url))
	if err == nil {
		t.Errorf("%s still answers: %v", url, conn.Close(t.Context()))
	}
}
