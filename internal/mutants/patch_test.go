package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The list as it is: every patch is complete, applies to today's tree, and names a test that there is. So nobody breaks it without noticing.
func TestEveryPatchAppliesToTheTree(t *testing.T) {
	t.Parallel()
	tree := os.DirFS("../..")
	mutants, err := readMutants(tree, patchDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 20 {
		t.Errorf("%d mutants, want 20 and more", len(mutants))
	}
	seen := map[string]string{}
	for _, m := range mutants {
		number := m.name[:3]
		if other, twice := seen[number]; twice {
			t.Errorf("%s and %s have the same number", other, m.name)
		}
		seen[number] = m.name
		changed, err := m.mutate(tree)
		if err != nil {
			t.Error(err)
		}
		for file, content := range changed {
			if before, err := fs.ReadFile(tree, file); err != nil || string(before) == content {
				t.Errorf("%s changes nothing in %s (%v)", m.name, file, err)
			}
		}
		if !hasTest(t, tree, m) {
			t.Errorf("%s: %s has no test %s", m.name, m.pkg, m.top())
		}
	}
}

// hasTest says whether the test function that m names is in its package.
func hasTest(t *testing.T, tree fs.FS, m mutant) bool {
	t.Helper()
	files, err := fs.Glob(tree, path.Join(strings.TrimPrefix(m.pkg, "./"), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?m)^func ` + m.top() + `\(t \*testing\.T\)`)
	return slices.ContainsFunc(files, func(file string) bool {
		content, err := fs.ReadFile(tree, file)
		return err == nil && function.Match(content)
	})
}

const (
	goodHeader = "Breaks: it says no.\nCaught by: ./answer TestAnswer\n\n"
	goodDiff   = "diff --git a/answer/answer.go b/answer/answer.go\n--- a/answer/answer.go\n+++ b/answer/answer.go\n@@ -2,3 +2,3 @@\n func yes() bool {\n-\treturn true\n+\treturn false\n }\n"
)

func TestParseMutant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario, name, content string
		race                    bool
		wrong                   string
	}{
		{scenario: "all is there", name: "001-says-no", content: goodHeader + goodDiff},
		{scenario: "the test is one scenario", name: "001-says-no", content: "Breaks: it says no.\nCaught by: ./answer TestAnswer/it's_a_yes,_(always)\n\n" + goodDiff},
		{scenario: "it needs the race detector", name: "001-says-no", content: "Breaks: it says no.\nCaught by: ./answer TestAnswer -race\n\n" + goodDiff, race: true},
		{scenario: "no number", name: "says-no", content: goodHeader + goodDiff, wrong: "name it"},
		{scenario: "no sentence", name: "001-says-no", content: "Breaks: no\nCaught by: ./answer TestAnswer\n\n" + goodDiff, wrong: "Breaks"},
		{scenario: "no test", name: "001-says-no", content: "Breaks: it says no.\nCaught by: ./answer\n\n" + goodDiff, wrong: "Caught by"},
		{scenario: "a regular expression for a test", name: "001-says-no", content: "Breaks: it says no.\nCaught by: ./answer Test(A|B)\n\n" + goodDiff, wrong: "Caught by"},
		{scenario: "another line in the header", name: "001-says-no", content: "Caught: x\n" + goodHeader + goodDiff, wrong: "header has a line"},
		{scenario: "no diff", name: "001-says-no", content: goodHeader, wrong: "no diff"},
		{scenario: "a diff without a hunk", name: "001-says-no", content: goodHeader + goodDiff[:strings.Index(goodDiff, "@@")], wrong: "no hunk"},
		{scenario: "a line that is no line of a diff", name: "001-says-no", content: goodHeader + goodDiff + "and so on\n", wrong: "and so on"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			m, err := parseMutant(c.name, c.content)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Fatalf("error %v, want one about %q", err, c.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := []edit{{file: "answer/answer.go", old: "func yes() bool {\n\treturn true\n}\n", new: "func yes() bool {\n\treturn false\n}\n"}}
			if !slices.Equal(m.edits, want) || m.pkg != "./answer" || m.breaks != "it says no." || m.top() != "TestAnswer" || m.race != c.race {
				t.Errorf("%+v", m)
			}
			if !regexp.MustCompile(strings.Split(m.pattern(), "/")[0]).MatchString("TestAnswer") || regexp.MustCompile(strings.Split(m.pattern(), "/")[0]).MatchString("TestAnswers") {
				t.Errorf("the pattern %s does not run that test alone", m.pattern())
			}
		})
	}
}

// A bug goes where its lines stand, wherever that is by now, and nowhere if that is in doubt.
func TestMutate(t *testing.T) {
	t.Parallel()
	const yes = "func yes() bool {\n\treturn true\n}\n"
	for _, c := range []struct{ scenario, before, after, wrong string }{
		{scenario: "at the first line", before: yes, after: "func yes() bool {\n\treturn false\n}\n"},
		{scenario: "lower than the diff says", before: strings.Repeat("\n", 40) + yes + "// end\n", after: strings.Repeat("\n", 40) + "func yes() bool {\n\treturn false\n}\n// end\n"},
		{scenario: "a line of it has changed", before: "func yes() bool {\n\treturn 1 == 1\n}\n", wrong: "001-says-no no longer applies: refresh it: answer/answer.go does not have these lines"},
		{scenario: "the lines are there twice", before: yes + yes, wrong: "several times"},
		{scenario: "its first line is only the end of a line", before: "x" + yes, wrong: "does not have these lines"},
		{scenario: "the file is gone", wrong: "refresh it"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			m, err := parseMutant("001-says-no", goodHeader+goodDiff)
			if err != nil {
				t.Fatal(err)
			}
			tree := fstest.MapFS{}
			if c.before != "" {
				tree["answer/answer.go"] = &fstest.MapFile{Data: []byte(c.before)}
			}
			changed, err := m.mutate(tree)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Fatalf("error %v, want one about %q", err, c.wrong)
				}
				return
			}
			if want := map[string]string{"answer/answer.go": c.after}; err != nil || !maps.Equal(changed, want) {
				t.Errorf("%q, %v, want %q", changed, err, want)
			}
		})
	}
}

// Two hunks of one file are both put in.
func TestMutateTwice(t *testing.T) {
	t.Parallel()
	m, err := parseMutant("001-both", goodHeader+goodDiff+"@@ -9,1 +9,2 @@\n // end\n+// of it\n")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := m.mutate(fstest.MapFS{"answer/answer.go": {Data: []byte("func yes() bool {\n\treturn true\n}\n// end\n")}})
	if want := "func yes() bool {\n\treturn false\n}\n// end\n// of it\n"; err != nil || changed["answer/answer.go"] != want {
		t.Error(fmt.Sprint(changed, err))
	}
}
