package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// completion_test.go: the scripts complete what the command line takes, in the shells that this machine has.

// script writes the script for a shell to a file and returns its path and its text.
func script(t *testing.T, shell string) (path, text string) {
	t.Helper()
	code, text, stderr := command(t, "completion", shell)
	if code != exitDone || stderr != "" {
		t.Fatalf("sink completion %s: exit code %d, stderr %q", shell, code, stderr)
	}
	path = filepath.Join(t.TempDir(), "sink."+shell)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, text
}

// shellOrSkip returns the path of a shell, or skips t.
func shellOrSkip(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("this machine has no %s: install it to try its script", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// bash asks bash what it would offer for the last of words. It fails t if bash says anything on stderr.
func bash(t *testing.T, script, dir string, words ...string) []string {
	t.Helper()
	const ask = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sink; printf '%s\n' "${COMPREPLY[@]}"`
	cmd := exec.CommandContext(t.Context(), shellOrSkip(t, "bash"), append([]string{"--norc", "-uc", ask, "bash", script}, words...)...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("bash completes %q: %v: %s", words, err, stderr.String())
	}
	offered := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
	slices.Sort(offered)
	return offered
}

func TestCompletionBash(t *testing.T) {
	t.Parallel()
	path, _ := script(t, "bash")
	dir := t.TempDir()
	for _, name := range []string{"rides 2020.csv", "rides.jsonl", "zones.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		scenario string
		words    []string // after sink; the last is being typed
		want     string
	}{
		{"commands", []string{""}, "backfill completion deadletters healthcheck migrate peek produce reset run status verify version"},
		{"the beginning of a command", []string{"res"}, "reset"},
		{"flags of sink itself, where there are commands too", []string{"--log-f"}, "--log-format"},
		{"a command behind a flag of sink itself", []string{"--log-level", "debug", "deadl"}, "deadletters"},
		{"a command behind a flag with =", []string{"--log-level", "=", "debug", "deadl"}, "deadletters"},
		{"subcommands", []string{"deadletters", ""}, "drop list retry show"},
		{"the beginning of a subcommand", []string{"migrate", "v"}, "version"},
		{"flags", []string{"backfill", "--max"}, "--max-batch-bytes --max-dead-letters"},
		{"flags of a subcommand", []string{"deadletters", "drop", "--b"}, "--because"},
		{"flags of another command are not offered", []string{"deadletters", "list", "--b"}, ""},
		{"flags behind flags and their values", []string{"backfill", "--topics", "run", "--migrate", "--on-d"}, "--on-data-loss"},
		{"flags where nothing else can be", []string{"migrate", "version", ""}, "--database-url --help --log-format --log-level"},
		{"values of a flag", []string{"backfill", "--on-data-loss", ""}, "halt skip"},
		{"the beginning of a value", []string{"run", "--on-data-loss", "s"}, "skip"},
		{"values behind =, as bash splits it", []string{"run", "--on-data-loss", "="}, "halt skip"},
		{"the beginning of a value behind =", []string{"run", "--on-data-loss", "=", "h"}, "halt"},
		{"values behind =, if bash does not split it", []string{"run", "--on-data-loss=s"}, "--on-data-loss=skip"},
		{"values that a type knows", []string{"produce", "--dialect", "green"}, "green-csv green-frame"},
		{"formats of records", []string{"produce", "--format", "json"}, "json json-schema"},
		{"any value will do", []string{"run", "--group", ""}, ""},
		{"a switch has no value to offer", []string{"backfill", "--json", "="}, ""},
		{"arguments", []string{"completion", ""}, "bash fish zsh"},
		{"names of files", []string{"produce", "--rate", "5", "rides"}, "rides 2020.csv rides.jsonl"},
		{"a word that is no command", []string{"nonsense", "ver"}, "verify version"},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(bash(t, path, dir, append([]string{"sink"}, tt.words...)...), " "); got != tt.want {
				t.Errorf("sink %s: offered %q, want %q", strings.Join(tt.words, " "), got, tt.want)
			}
		})
	}
}

// Behind every command bash offers its flags, and behind every flag with an enum its values.
func TestCompletionBashKnowsEveryFlag(t *testing.T) {
	t.Parallel()
	path, _ := script(t, "bash")
	for _, node := range leaves(t) {
		var flags []string
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				flags = append(flags, "--"+flag.Name)
				if flag.Enum == "" {
					continue
				}
				values := flag.EnumSlice()
				slices.Sort(values)
				words := append(strings.Fields(node.FullPath()), "--"+flag.Name, "")
				if got := bash(t, path, "", words...); !slices.Equal(got, values) {
					t.Errorf("%q: offered %q, want %q", words, got, values)
				}
			}
		}
		slices.Sort(flags)
		if got := bash(t, path, "", append(strings.Fields(node.FullPath()), "--")...); !slices.Equal(got, flags) {
			t.Errorf("%s: offered %q, want %q", node.FullPath(), got, flags)
		}
	}
}

// In the scripts for zsh and fish every command stands among those of its parent, and has each of its flags, long and short.
func TestCompletionZshAndFishKnowEverything(t *testing.T) {
	t.Parallel()
	_, zsh := script(t, "zsh")
	_, fish := script(t, "fish")
	for _, node := range leaves(t) {
		for at := node; at.Parent != nil; at = at.Parent {
			if part := zshPart(zsh, at.Parent.FullPath()); !strings.Contains(part, "\n        '"+at.Name+":") || !strings.Contains(part, "\n        "+at.Name+") _") {
				t.Errorf("zsh: %s is not among the commands of %s:\n%s", at.Name, at.Parent.FullPath(), part)
			}
			if part := fishPart(fish, at.Parent.FullPath()); !strings.Contains(part, " -a "+at.Name+" ") {
				t.Errorf("fish: %s is not among the commands of %s:\n%s", at.Name, at.Parent.FullPath(), part)
			}
		}
		zshPart, fishPart := zshPart(zsh, node.FullPath()), fishPart(fish, node.FullPath())
		for _, flag := range slices.Concat(node.AllFlags(true)...) {
			checkFlag(t, node, flag, zshPart, fishPart)
		}
	}
}

// checkFlag looks for a flag in what the scripts have about a command.
func checkFlag(t *testing.T, node *kong.Node, flag *kong.Flag, zsh, fish string) {
	t.Helper()
	wantZsh, wantFish := []string{"--" + flag.Name}, []string{" -l " + flag.Name + " "}
	if flag.Short != 0 {
		wantZsh, wantFish = append(wantZsh, ")-"+string(flag.Short)), append(wantFish, " -s "+string(flag.Short)+" ")
	}
	if flag.Enum != "" {
		values := strings.Join(flag.EnumSlice(), " ")
		wantZsh, wantFish = append(wantZsh, "("+values+")"), append(wantFish, " -a '"+values+"'")
	}
	about := func(part, want string) string { // the lines that name the flag
		var lines strings.Builder
		for line := range strings.Lines(part) {
			if strings.Contains(line, want) {
				lines.WriteString(line)
			}
		}
		return lines.String()
	}
	zsh, fish = about(zsh, "--"+flag.Name), about(fish, " -l "+flag.Name+" ")
	for _, want := range wantZsh {
		if !strings.Contains(zsh, want) {
			t.Errorf("zsh: %s --%s: no %q in %q", node.FullPath(), flag.Name, want, zsh)
		}
	}
	for _, want := range wantFish {
		if !strings.Contains(fish, want) {
			t.Errorf("fish: %s --%s: no %q in %q", node.FullPath(), flag.Name, want, fish)
		}
	}
}

// zshPart is the function of a command.
func zshPart(script, path string) string {
	_, part, _ := strings.Cut(script, "\n_"+strings.ReplaceAll(path, " ", "_")+"() {")
	part, _, _ = strings.Cut(part, "\n}\n")
	return part
}

// fishPart is the lines about a command.
func fishPart(script, path string) string {
	var part strings.Builder
	for line := range strings.Lines(script) {
		if strings.Contains(line, `-n '__sink_at \'`+path+`\'' `) {
			part.WriteString(line)
		}
	}
	return part.String()
}

// The shells read their scripts without a complaint.
func TestCompletionScriptsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "zsh", "fish"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, _ := script(t, name)
			if out, err := exec.CommandContext(t.Context(), shellOrSkip(t, name), "-n", path).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s -n: %v: %s", name, err, out)
			}
		})
	}
}

// fish can be asked what it would offer.
func TestCompletionFish(t *testing.T) {
	t.Parallel()
	path, _ := script(t, "fish")
	fish := shellOrSkip(t, "fish")
	for _, tt := range []struct{ line, want string }{
		{"sink res", "reset"},
		{"sink --log-level debug deadl", "deadletters"},
		{"sink deadletters ", "drop list retry show"},
		{"sink backfill --max", "--max-batch-bytes --max-dead-letters"},
		{"sink backfill --on-data-loss ", "halt skip"},
		{"sink run --on-data-loss=s", "--on-data-loss=skip"},
		{"sink produce --dialect green", "green-csv green-frame"},
		{"sink completion ", "bash fish zsh"},
		{"sink run --group ", ""},
	} {
		cmd := exec.CommandContext(t.Context(), fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2]`, path, tt.line)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		var offered []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			offered = append(offered, word)
		}
		slices.Sort(offered)
		if got := strings.Join(offered, " "); got != tt.want || err != nil {
			t.Errorf("%s: offered %q, want %q: %v", tt.line, got, tt.want, err)
		}
	}
}
