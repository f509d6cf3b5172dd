package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var updateReadme = flag.Bool("update-readme", false, "write the settings table of README.md anew")

const (
	readmePath    = "../../README.md"
	settingsBegin = "<!-- settings: written by go test ./cmd/sink -run README -update-readme -->\n"
	settingsEnd   = "<!-- end of settings -->\n"
)

// The README's table of settings is what the command line says of itself.
func TestREADMEListsEverySetting(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(content), settingsBegin)
	table, after, ends := strings.Cut(rest, settingsEnd)
	if !begins || !ends {
		t.Fatalf("README.md lacks the lines around its table: %q and %q", settingsBegin, settingsEnd)
	}
	want := settingsTable(t)
	if *updateReadme {
		if err := os.WriteFile(readmePath, []byte(before+settingsBegin+want+settingsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the table is not what the command line says; run: go test ./cmd/sink -run README -update-readme\nit is:\n%s\nit should be:\n%s", table, want)
	}
}

// settingsTable lists the flags of run, and backfill's own after them.
func settingsTable(t *testing.T) string {
	t.Helper()
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| Flag | Environment | Default | |\n|---|---|---|---|\n")
	seen := map[string]bool{"help": true}
	for _, command := range []string{"run", "backfill"} {
		for _, node := range parser.Model.Children {
			if node.Name != command {
				continue
			}
			for _, f := range append(parser.Model.Flags, node.Flags...) {
				if !seen[f.Name] && !f.Hidden {
					seen[f.Name] = true
					b.WriteString(settingsRow(f))
				}
			}
		}
	}
	return b.String()
}

func settingsRow(f *kong.Flag) string {
	envs := make([]string, 0, len(f.Envs))
	for _, env := range f.Envs {
		envs = append(envs, "`"+env+"`")
	}
	fallback := ""
	if f.HasDefault && f.Default != "" {
		fallback = "`" + f.Default + "`"
	}
	return fmt.Sprintf("| `--%s` | %s | %s | %s |\n", f.Name, strings.Join(envs, ", "), fallback, strings.ReplaceAll(f.Help, "|", "\\|"))
}
