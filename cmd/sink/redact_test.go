package main

import "testing"

func TestRedacted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"unexpected argument postgres://u:secret@h:5432/d: try": "unexpected argument postgres://u:xxxxx@h:5432/d: try",
		"postgres://u:p@ss:w@h/d":                               "postgres://u:xxxxx@h/d",
		"postgres://:secret@h/d and amqp://v:other@i":           "postgres://:xxxxx@h/d and amqp://v:xxxxx@i",
		"postgres://u@h:5432/d":                                 "postgres://u@h:5432/d",
		"http://localhost:8080/readyz":                          "http://localhost:8080/readyz",
		"rides/3: position 100 is below the log start":          "rides/3: position 100 is below the log start",
	} {
		if got := redacted(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	code, _, stderr := command(t, "backfill", "postgres://u:secret@h/d")
	if want := "sink: unexpected argument postgres://u:xxxxx@h/d: try: sink backfill --help\n"; code != exitUsage || stderr != want {
		t.Errorf("exit code %d, %q, want %d, %q", code, stderr, exitUsage, want)
	}
}
