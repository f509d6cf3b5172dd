package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// terminal_test.go: what backfill and verify show on a terminal, in a pipe, and to those who want less of it.

// SGR numbers, as the sink uses them.
const (
	sgrRed    = "31"
	sgrGreen  = "32"
	sgrYellow = "33"
)

// wantColours fails the test unless these are the colours on the screen.
func (s *screen) wantColours(want ...string) {
	s.t.Helper()
	var got []string
	for colour := range s.colours {
		if colour != "" && colour != "0" {
			got = append(got, colour)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("the colours are %q, want %q, in %q", got, want, s.raw)
	}
}

// wantPrinted fails the test if a text is not among the lines, however they were broken.
func wantPrinted(t testing.TB, lines []string, texts ...string) {
	t.Helper()
	whole := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
	for _, text := range texts {
		if !strings.Contains(whole, text) {
			t.Errorf("%q is not on the screen:\n%s", text, strings.Join(lines, "\n"))
		}
	}
}

// TestScreenSummary holds: on 80 and on 40 columns progress comes and goes without a trace, log lines stay whole, no line of a summary is wider
// than the screen, and colours say how it went; NO_COLOR takes the colours, TERM=dumb all escape codes, --quiet the progress and the log; and
// what is piped has neither, whatever stderr is.
func TestScreenSummary(t *testing.T) {
	t.Parallel()
	for _, width := range []int{80, 40} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			s.publishRides(500, 2, writeTLC)
			s.publish([]sent{
				{fate: isDead, record: &kgo.Record{Topic: s.topic(), Partition: 1, Timestamp: epoch(), Value: []byte("no ride")}},
				tombstone(s.topic(), 1),
			})
			s.settle()
			backfill := append([]string{"backfill"}, hasty()...)

			// A first backfill, with a dead letter: yellow; the partitions are done: green.
			screen := s.onTerminal(width, 4, nil, nil, backfill...)
			logged, printed := screen.wantTidy()
			wantPrinted(t, printed, partitionName(s.topic(), 0), partitionName(s.topic(), 1), "502 records in", "done", "sink: done, and some records are dead letters")
			if len(logged) == 0 || len(screen.erased) == 0 {
				t.Errorf("%d log lines, progress was erased %d times; want both", len(logged), len(screen.erased))
			}
			screen.wantColours(sgrGreen, sgrYellow)

			// Less of it, each time with something to do.
			s.publishRides(100, 2, writeTLC)
			screen = s.onTerminal(width, 4, nil, nil, append(backfill, "--quiet")...)
			if logged, printed = screen.wantTidy(); len(logged) > 0 || len(screen.erased) > 0 {
				t.Errorf("with --quiet it shows %q and %q", logged, screen.erased)
			}
			wantPrinted(t, printed, partitionName(s.topic(), 1), "100 records in")
			s.publishRides(100, 2, writeTLC)
			screen = s.onTerminal(width, 4, nil, []string{"NO_COLOR=1"}, backfill...)
			screen.wantTidy()
			screen.wantColours()
			s.publishRides(100, 2, writeTLC)
			screen = s.onTerminal(width, 4, nil, []string{"TERM=dumb"}, backfill...)
			screen.wantTidy()
			screen.wantPlain()

			// In a pipe the summary is what it always was; stderr is still a terminal.
			s.publishRides(100, 2, writeTLC)
			var piped output
			screen = s.onTerminal(width, 4, &piped, nil, backfill...)
			if screen.wantTidy(); len(screen.erased) == 0 {
				t.Error("with stdout in a pipe the terminal shows no progress")
			}
			screen.wantColours()
			wantWide(t, piped.String(), "  inserted  dead  tombst.  no record  lost  state")

			s.verifyOnTerminal(width)
		})
	}
}

// verifyOnTerminal is the part of TestScreenSummary about verify.
func (s scene) verifyOnTerminal(width int) {
	s.t.Helper()
	screen := s.onTerminal(width, 0, nil, nil, "verify")
	_, printed := screen.wantTidy()
	wantPrinted(s.t, printed, partitionName(s.topic(), 0), "proven: 902 records of 2 partitions are stored exactly once", "900 rows, 1 dead letter, 1 tombstone", "902 records in")
	if len(screen.erased) == 0 {
		s.t.Error("verify shows no progress")
	}
	screen.wantColours(sgrGreen, sgrYellow)
	screen = s.onTerminal(width, 0, nil, []string{"NO_COLOR=1"}, "verify", "--quiet")
	screen.wantTidy()
	screen.wantPlain()
	screen = s.onTerminal(width, 0, nil, []string{"TERM=dumb"}, "verify")
	screen.wantTidy()
	screen.wantPlain()

	const wide = "  checked  equal  dead  tombst.  missing  doubled  different  unexpected  unprovable"
	p := s.start("verify")
	p.wantExit(0, stopBound)
	wantWide(s.t, p.stdout.String(), wide)
	if strings.ContainsAny(p.stderr.String(), "\r\x1b") {
		s.t.Errorf("stderr, which is no terminal, has escape codes: %q", p.stderr.String())
	}

	s.exec("DELETE FROM rides WHERE kafka_partition = 0 AND kafka_offset = 7")
	screen = s.onTerminal(width, 5, nil, nil, "verify")
	_, printed = screen.wantTidy()
	wantPrinted(s.t, printed, fmt.Sprintf("%s@7: missing", partitionName(s.topic(), 0)), "NOT proven: 1 missing", "sink: the tables are not what the topics hold")
	screen.wantColours(sgrRed, sgrYellow)
}

// TestHaltOnTerminal holds: a partition that halted is red, and its reason is there to be read.
func TestHaltOnTerminal(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.publishRides(50, 1, writeTLC)
	s.publish([]sent{{fate: isDead, record: &kgo.Record{Topic: s.topic(), Timestamp: epoch(), Value: []byte("no ride")}}})
	screen := s.onTerminal(80, 1, nil, nil, append([]string{"backfill", "--max-dead-letters=0"}, hasty()...)...)
	_, printed := screen.wantTidy()
	wantPrinted(t, printed, "halted: too many dead letters: "+partitionName(s.topic(), 0), "--max-dead-letters allows 0", "sink: a partition halted")
	screen.wantColours(sgrRed)
}

// wantPlain fails the test if there is more than text.
func (s *screen) wantPlain() {
	s.t.Helper()
	if strings.Contains(s.raw, "\x1b") || strings.Contains(strings.ReplaceAll(s.raw, "\r\n", ""), "\r") {
		s.t.Errorf("there are escape codes or bare carriage returns in %q", s.raw)
	}
}

// wantWide fails the test unless a summary has all columns and no escape codes.
func wantWide(t testing.TB, text, header string) {
	t.Helper()
	if strings.ContainsAny(text, "\r\x1b") || !strings.Contains(text, header) {
		t.Errorf("want plain text with %q, got %q", header, text)
	}
}
