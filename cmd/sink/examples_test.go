package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// examples_test.go: the examples in the help of every command are lines that the command line takes. internal/e2e runs them.

// leaves are the commands that do something, as kong knows them.
func leaves(t *testing.T) []*kong.Node {
	t.Helper()
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Leaves(true)
}

// Every command has one to three examples, and each is parsed as that command.
func TestExamplesAreCommandLines(t *testing.T) {
	t.Parallel()
	for _, node := range leaves(t) {
		t.Run(node.FullPath(), func(t *testing.T) {
			t.Parallel()
			lines := examplesIn(node.Detail)
			if len(lines) < 1 || len(lines) > 3 {
				t.Errorf("the help has %d examples, and needs 1 to 3:\n%s", len(lines), node.Detail)
			}
			for _, line := range lines {
				commands, err := shellWords(line)
				if err != nil {
					t.Errorf("%s: %v", line, err)
					continue
				}
				i := slices.IndexFunc(commands, func(words []string) bool { return words[0] == "sink" })
				if i < 0 {
					t.Errorf("%s: it runs no sink, but %q", line, commands)
					continue
				}
				if got, err := parsedAs(commands[i][1:]); got != node.Path() || err != nil {
					t.Errorf("%s: parsed as %q, want %q: %v", line, got, node.Path(), err)
				}
			}
		})
	}
}

// parsedAs is the command that the command line takes args for.
func parsedAs(args []string) (string, error) {
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard)
	if err != nil {
		return "", err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	return commandName(parsed), nil
}

// examplesIn are the lines under Examples: at the end of a help text.
func examplesIn(help string) []string {
	_, examples, found := strings.Cut(help, "\n\nExamples:\n")
	if !found {
		return nil
	}
	var lines []string
	for line := range strings.Lines(examples) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "  ") {
			return append(lines, fmt.Sprintf("%q is no indented line", line)) // which runs no sink
		}
		lines = append(lines, line[2:])
	}
	return lines
}

// shellWords splits a line into its commands and those into words, as a shell does: quotes, pipes, <( ), and variables set before a command,
// which are left out. What it does not know is an error.
func shellWords(line string) ([][]string, error) {
	var commands [][]string
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	endWord := func() {
		name, _, assigns := strings.Cut(word.String(), "=")
		variable := len(words) == 0 && assigns && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
		if inWord && !variable {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	for _, r := range line {
		switch {
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote != '\'' && strings.ContainsRune("\\$`", r), quote == 0 && strings.ContainsRune("*?[]{};&#!", r):
			return nil, fmt.Errorf("%q means something to a shell that this test does not know", r)
		case quote != 0:
			word.WriteRune(r)
		case r == ' ':
			endWord()
		case strings.ContainsRune("|<>()", r):
			endCommand()
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %q has no end", quote)
	}
	endCommand()
	return commands, nil
}

func TestShellWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want string // as %q prints it; empty: an error
	}{
		{`sink  run --a="b c" ''`, `[["sink" "run" "--a=b c" ""]]`},
		{`A=b C_D='e f' sink x=y`, `[["sink" "x=y"]]`},
		{`zcat f | sink g -`, `[["zcat" "f"] ["sink" "g" "-"]]`},
		{`source <(sink bash)`, `[["source"] ["sink" "bash"]]`},
		{`sink a | jq 'b | "c"' > d`, `[["sink" "a"] ["jq" "b | \"c\""] ["d"]]`},
		{`sink "a`, ``},
		{`sink $A`, ``},
		{`sink a\ b`, ``},
		{`sink a; sink b`, ``},
	} {
		got, err := shellWords(tt.line)
		if (err != nil) != (tt.want == "") || err == nil && fmt.Sprintf("%q", got) != tt.want {
			t.Errorf("%s: %q, %v; want %s", tt.line, got, err, tt.want)
		}
	}
}
