package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// module is a small tree with mutants of all kinds: path and content.
func module() map[string]string {
	diff := func(old, bug string) string {
		return "diff --git a/answer.go b/answer.go\n--- a/answer.go\n+++ b/answer.go\n@@ -1 +1 @@\n-" + old + "\n+" + bug + "\n"
	}
	const yes = "func yes() bool { return true }"
	header := func(test string) string { return "Breaks: it says no.\nCaught by: ./ " + test + "\n\n" }
	return map[string]string{
		"go.mod":    "module answer\n\ngo 1.26\n",
		"answer.go": "package answer\n\n" + yes + "\n",
		"answer_test.go": `package answer

import "testing"

func TestYes(t *testing.T) {
	t.Run("again", func(t *testing.T) {
		if !yes() {
			t.Error("no")
		}
	})
}

func TestNothing(*testing.T) {}

func TestSkipped(t *testing.T) { t.Skip("no server") }
`,
		patchDir + "/001-says-no.patch":        header("TestYes") + diff(yes, "func yes() bool { return false }"),
		patchDir + "/002-not-noticed.patch":    header("TestNothing") + diff(yes, "func yes() bool { return false }"),
		patchDir + "/003-nobody.patch":         header("TestNothing") + diff(yes, "func yes() bool { return !false }"),
		patchDir + "/004-no-go.patch":          header("TestYes") + diff(yes, "func yes() bool { return 7 }"),
		patchDir + "/005-stale.patch":          header("TestYes") + diff("func yes() bool { return 1 == 1 }", "func yes() bool { return false }"),
		patchDir + "/006-crashes.patch":        header("TestYes/again") + diff(yes, `func yes() bool { panic("no") }`),
		patchDir + "/007-hangs.patch":          header("TestYes/again") + diff(yes, "func yes() bool { select {} }"),
		"untracked/by_git_and_not_compiled.go": "nonsense\n",
	}
}

// The gate tells what a test catches from what it does not, and from what is wrong with a patch; and it leaves the tree alone.
func TestGate(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for file, content := range module() {
		at := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "go.mod", "answer.go", "answer_test.go"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	mutants, err := readMutants(os.DirFS(root), patchDir)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	g := gate{root: root, workers: 2, testTimeout: 5 * time.Second, suiteTimeout: time.Minute, out: &said}
	err = g.judgeAll(t.Context(), mutants)
	if err == nil || !strings.HasSuffix(err.Error(), "002-not-noticed, 003-nobody, 004-no-go, 005-stale") {
		t.Errorf("error %v, want the four that were not caught as they should be\n%s", err, &said)
	}
	for _, c := range []struct{ mutant, line string }{
		{"001-says-no", "TestYes/again"},
		{"002-not-noticed", "TestYes/again catches it: make the first one catch it, or name the other"},
		{"003-nobody", "./ TestNothing passes with the bug, and so does every other test"},
		{"004-no-go", "does not compile: refresh it"},
		{"005-stale", "patch 005-stale no longer applies: refresh it: answer.go does not have these lines any more"},
		{"006-crashes", "TestYes"},
		{"007-hangs", "TestYes/again (hung)"},
	} {
		_, after, found := strings.Cut(said.String(), c.mutant)
		about, _, _ := strings.Cut(after, "\ncaught")
		if !found || !strings.Contains(about, c.line) {
			t.Errorf("about %s it does not say %q:\n%s", c.mutant, c.line, &said)
		}
	}
	if !strings.Contains(said.String(), "3 of 7 mutants caught") {
		t.Errorf("it does not count:\n%s", &said)
	}
	if content, err := os.ReadFile(filepath.Join(root, "answer.go")); err != nil || string(content) != module()["answer.go"] {
		t.Errorf("the tree was changed: %q, %v", content, err)
	}
}

// A test that fails without a bug catches nothing, although it looks so; nor does one that does not run.
func TestGateWantsTestsThatPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, answer, test, wrong string }{
		{scenario: "the test fails", answer: "1 > 2", test: "TestYes", wrong: "must pass without a mutant: failed TestYes/again"},
		{scenario: "there is no such test", answer: "true", test: "TestNo", wrong: "./ TestNo did not run"},
		{scenario: "there is no such scenario", answer: "true", test: "TestYes/never", wrong: "./ TestYes/never did not run"},
		{scenario: "the test is skipped", answer: "true", test: "TestSkipped", wrong: "./ TestSkipped did not run"},
		{scenario: "all is well", answer: "true", test: "TestYes/again"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			files := module()
			files["answer.go"] = strings.Replace(files["answer.go"], "true", c.answer, 1)
			for _, file := range []string{"go.mod", "answer.go", "answer_test.go"} {
				if err := os.WriteFile(filepath.Join(root, file), []byte(files[file]), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			g := gate{testTimeout: time.Minute, out: t.Output()}
			err := g.healthy(t.Context(), root, []mutant{{name: "001-says-no", pkg: "./", test: c.test}})
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("error %v, want one about %q", err, c.wrong)
			}
		})
	}
}
