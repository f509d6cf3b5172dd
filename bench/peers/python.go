package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"ridesink/internal/localenv"
)

// python.go: the consumer that courses teach, an INSERT and a commit for each row.

const (
	kafkaPython = "3.0.12"
	psycopg2    = "2.9.13"
)

func python() *peer {
	var interpreter, script string
	return &peer{
		name:    "python",
		title:   "Python, row by row",
		setting: fmt.Sprintf("kafka-python %s, psycopg2-binary %s; one process, an INSERT and a commit for each row, offsets committed by themselves every 5 s", kafkaPython, psycopg2),
		columns: rideColumns,
		slow:    true,
		fetch: func(ctx context.Context, s *servers) (err error) {
			if interpreter, err = fetchPython(ctx); err != nil {
				return err
			}
			script, err = unpack("python/consumer.py", s.dir)
			return err
		},
		command: func(s *servers, t *turn) (*exec.Cmd, error) {
			return exec.Command(interpreter, "-W", "ignore", script, //nolint:noctx // startProcess owns it
				strings.Join(s.brokers, ","), t.topic.name, t.group, s.databaseURL("options", "-csearch_path="+t.peer.name)), nil
		},
	}
}

// fetchPython returns the interpreter of an environment that has the packages. It is made once for this user.
func fetchPython(ctx context.Context) (string, error) {
	dir, err := localenv.Fetch(ctx, "python-kafka-"+kafkaPython+"-psycopg2-"+psycopg2, func(dir string) error {
		python, err := exec.LookPath("python3")
		if err != nil {
			return errors.New("python3 is not in PATH: install it with venv (such as apt-get install python3-venv), or leave it out with -peers")
		}
		if out, err := exec.CommandContext(ctx, python, "-m", "venv", dir).CombinedOutput(); err != nil {
			return fmt.Errorf("python3 -m venv: %w: install venv (such as apt-get install python3-venv), or leave it out with -peers:\n%s", err, out)
		}
		c := exec.CommandContext(ctx, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet",
			"kafka-python=="+kafkaPython, "psycopg2-binary=="+psycopg2)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("pip install: %w: check the connection (PIP_INDEX_URL names another index):\n%s", err, out)
		}
		return nil
	})
	return filepath.Join(dir, "bin", "python"), err
}
