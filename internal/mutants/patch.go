package main

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// patch.go: a mutant as data. A diff is put in by its text, not by its line numbers, so that it outlives changes elsewhere in a file.

// patchDir is where the mutants are, from the module's root.
const patchDir = "internal/mutants/patches"

// mutant is one seeded bug.
type mutant struct {
	name   string // the file's, without .patch
	breaks string // one sentence
	pkg    string // the package of the test that must catch it, ./sink
	test   string // its name, TestWrite or TestWrite/one_of_its_scenarios
	race   bool   // the race detector must be on to notice
	edits  []edit
}

// edit is one hunk: where old stands in a file, new shall stand.
type edit struct{ file, old, new string }

// readMutants reads all mutants of a directory, in order of their names.
func readMutants(tree fs.FS, dir string) ([]mutant, error) {
	files, err := fs.Glob(tree, path.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	mutants := make([]mutant, 0, len(files))
	for _, file := range files {
		content, err := fs.ReadFile(tree, file)
		if err != nil {
			return nil, err
		}
		m, err := parseMutant(strings.TrimSuffix(path.Base(file), ".patch"), string(content))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		mutants = append(mutants, m)
	}
	return mutants, nil
}

// What mutants and tests are called.
var (
	nameForm = regexp.MustCompile(`^\d{3}-[a-z0-9-]+$`)
	testForm = regexp.MustCompile(`^Test\w+(/[^/\s]+)*$`)
)

// parseMutant reads a patch: the header's lines, then a unified diff.
func parseMutant(name, content string) (mutant, error) {
	m := mutant{name: name}
	if !nameForm.MatchString(name) {
		return m, fmt.Errorf("name it NNN-what-is-wrong.patch, not %s", name)
	}
	header, diff, found := strings.Cut(content, "\ndiff ")
	if !found {
		return m, fmt.Errorf("there is no diff in it: paste the output of git diff -U1")
	}
	for line := range strings.Lines(header) {
		line = strings.TrimSpace(line)
		breaks, isBreaks := strings.CutPrefix(line, "Breaks: ")
		caught, isCaught := strings.CutPrefix(line, "Caught by: ")
		switch {
		case isBreaks:
			m.breaks = breaks
		case isCaught:
			caught, m.race = strings.CutSuffix(caught, " -race")
			m.pkg, m.test, _ = strings.Cut(caught, " ")
		case line != "":
			return m, fmt.Errorf("the header has a line %q; it takes Breaks and Caught by", line)
		}
	}
	switch {
	case !strings.HasSuffix(m.breaks, "."):
		return m, fmt.Errorf("the header needs a line `Breaks: a sentence.`")
	case !strings.HasPrefix(m.pkg, "./") || !testForm.MatchString(m.test):
		return m, fmt.Errorf("the header needs a line `Caught by: ./package TestName` or `./package TestName/scenario`, with -race behind it if that is needed")
	}
	var err error
	m.edits, err = parseDiff("diff " + diff)
	return m, err
}

// parseDiff reads the hunks of a unified diff.
func parseDiff(diff string) ([]edit, error) {
	var edits []edit
	file, inHunk := "", false
	for line := range strings.Lines(diff) {
		switch {
		case strings.HasPrefix(line, "diff "):
			inHunk = false
		case !inHunk && strings.HasPrefix(line, "--- "):
			file = strings.TrimPrefix(strings.TrimSpace(line[4:]), "a/")
		case strings.HasPrefix(line, "@@ "):
			edits, inHunk = append(edits, edit{file: file}), true
		case !inHunk || strings.HasPrefix(line, `\`): // index, +++, no newline at the end
		default:
			e := &edits[len(edits)-1]
			mark, text := line[:1], line[1:]
			switch mark {
			case "-":
				e.old += text
			case "+":
				e.new += text
			case " ":
				e.old, e.new = e.old+text, e.new+text
			case "\n": // an empty line whose blank somebody trimmed
				e.old, e.new = e.old+line, e.new+line
			default:
				return nil, fmt.Errorf("the diff has a line %q", line)
			}
		}
	}
	if len(edits) == 0 {
		return nil, fmt.Errorf("the diff has no hunk")
	}
	return edits, nil
}

// pattern is what go test -run takes to run the test and no other.
func (m mutant) pattern() string {
	parts := strings.Split(m.test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// top is the name of the test function.
func (m mutant) top() string {
	top, _, _ := strings.Cut(m.test, "/")
	return top
}

// mutate returns the contents of the files that m changes, with the bug in them.
func (m mutant) mutate(tree fs.FS) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range m.edits {
		content, seen := changed[e.file]
		if !seen {
			read, err := fs.ReadFile(tree, e.file)
			if err != nil {
				return nil, m.stale(err.Error())
			}
			content = string(read)
		}
		content, why := e.put(content)
		if why != "" {
			return nil, m.stale(e.file + " " + why)
		}
		changed[e.file] = content
	}
	return changed, nil
}

// put replaces old, which must be whole lines and stand there once; else it says what is wrong.
func (e edit) put(content string) (changed, wrong string) {
	if !strings.HasSuffix(e.old, "\n") {
		return "", "is changed without a line that is there: give the hunk some context"
	}
	lines := "\n" + content // every line, the first too, has a newline before it
	switch at := strings.Index(lines, "\n"+e.old); at {
	case -1:
		return "", "does not have these lines any more:\n" + e.old
	case strings.LastIndex(lines, "\n"+e.old):
		return lines[1:at+1] + e.new + lines[at+1+len(e.old):], ""
	default:
		return "", "has these lines several times, give the hunk more context:\n" + e.old
	}
}

func (m mutant) stale(why string) error {
	return fmt.Errorf("patch %s no longer applies: refresh it: %s", m.name, why)
}
