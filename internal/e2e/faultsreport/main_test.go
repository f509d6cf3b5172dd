package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const reported = `{"row":"b","cases":1,"lost":0,"doubled":0,"progress_seconds":0.5}
{"row":"a","cases":10,"lost":0,"doubled":0,"progress_seconds":0}
{"row":"b","cases":1,"lost":0,"doubled":0,"progress_seconds":3}
{"row":"b","cases":2,"lost":4,"doubled":5,"progress_seconds":1}
`

// TestUpdate holds: the lines of a fault are added up, and only what stands between the marks changes, however often.
func TestUpdate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	report, document := filepath.Join(dir, "report"), filepath.Join(dir, "document")
	write(t, report, reported)
	write(t, document, "before\n\n"+beginMark+"\nan old table\n"+endMark+"\n\nafter\n")
	want := "before\n\n" + beginMark + "\nCommit `abc`, command `make faults`.\n\n" +
		"| Fault | Cases | Lost | Doubled | Seconds to progress, median | and at most |\n|---|---:|---:|---:|---:|---:|\n" +
		"| a | 10 | 0 | 0 | - | - |\n| b | 4 | 4 | 5 | 1.00 | 3.00 |\n| **all** | **14** | **4** | **5** | 1.00 | 3.00 |\n" +
		endMark + "\n\nafter\n"
	for range 2 {
		if err := run([]string{"-in", report, "-update", document, "-commit", "abc", "-command", "make faults"}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Fatalf("the document is\n%s\nwant\n%s", got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ scenario, report, document, wantError string }{
		{"no case", "", beginMark + endMark, "no case"},
		{"a line that is cut off", reported + `{"row":"b"`, beginMark + endMark, "line 5"},
		{"a line without a fault", `{"cases":3}`, beginMark + endMark, "names no fault"},
		{"a document without marks", reported, "text", beginMark},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			report, document := filepath.Join(dir, "report"), filepath.Join(dir, "document")
			write(t, report, test.report)
			write(t, document, test.document)
			err := run([]string{"-in", report, "-update", document})
			if err == nil || !strings.Contains(err.Error(), test.wantError) {
				t.Fatalf("the error is %v, want one that says %q", err, test.wantError)
			}
			if left, err := os.ReadFile(document); err != nil || string(left) != test.document {
				t.Errorf("the document was changed to %q (%v)", left, err)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
