package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
)

// screen_test.go is a terminal as small as the sink needs one: a pseudo-terminal of the kernel's, and what its screen would show. terminal_test.go looks at it.

// screen is what was printed on a terminal, and how that looks. It scrolls back for ever.
type screen struct {
	t     testing.TB
	width int
	raw   string

	rows    []screenRow
	column  int
	erased  []string        // rows that were taken away again, as they were
	colours map[string]bool // by their SGR numbers
}

// screenRow is a row. One that goes on from the row above because that was full is part of its line.
type screenRow struct {
	text []rune
	more bool
}

// onTerminal runs the sink to its end with stdin and stderr, and stdout too unless it is given, on a terminal of so many columns, and fails the test if
// the exit code is another.
func (s scene) onTerminal(width, wantExit int, stdout io.Writer, env []string, args ...string) *screen {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv(binaryVariable), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.t.TempDir(), "TERM=xterm-256color"}, append(s.environment(), env...)...)
	cmd.Stdout = stdout
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: uint16(width)})
	if err != nil {
		s.t.Fatalf("start sink %q on a terminal: %v", args, err)
	}
	defer terminal.Close()
	raw, err := io.ReadAll(terminal) // ends when no process has the terminal open any more: Linux says EIO then
	if err != nil && !errors.Is(err, syscall.EIO) {
		s.t.Errorf("read what sink %q prints: %v", args, err)
	}
	_ = cmd.Wait() // the state says it all
	if code := cmd.ProcessState.ExitCode(); code != wantExit {
		s.t.Fatalf("sink %q: exit code %d, want %d; it printed: %s", args, code, wantExit, raw)
	}
	return draw(s.t, width, string(raw))
}

// draw plays what was printed.
func draw(t testing.TB, width int, raw string) *screen {
	t.Helper()
	s := &screen{t: t, width: width, raw: raw, rows: make([]screenRow, 1), colours: map[string]bool{}}
	control := regexp.MustCompile(`^\x1b\[([0-9;]*)([A-Za-z])`)
	for rest := raw; rest != ""; {
		if found := control.FindStringSubmatch(rest); found != nil {
			s.control(found[1], found[2])
			rest = rest[len(found[0]):]
			continue
		}
		character, size := utf8.DecodeRuneInString(rest)
		s.put(character)
		rest = rest[size:]
	}
	return s
}

// control carries out a control sequence. One that the sink has no need of fails the test.
func (s *screen) control(parameters, command string) {
	row := &s.rows[len(s.rows)-1]
	switch {
	case command == "m":
		s.colours[parameters] = true
	case command == "K" && parameters == "" && s.column <= len(row.text):
		s.erased = append(s.erased, string(row.text[s.column:]))
		row.text = row.text[:s.column]
	default:
		s.t.Errorf("an escape code that no screen here knows: ESC [ %s %s", parameters, command)
	}
}

// put prints a character.
func (s *screen) put(c rune) {
	switch {
	case c == '\n': // the terminal has made CR LF of it
		s.rows = append(s.rows, screenRow{})
		return
	case c == '\r':
		s.column = 0
		return
	case c < ' ':
		s.t.Errorf("a control character on the screen: %q", c)
		return
	case s.column == s.width:
		s.rows = append(s.rows, screenRow{more: true})
		s.column = 0
	}
	row := &s.rows[len(s.rows)-1]
	row.text = append(row.text[:s.column], append([]rune{c}, row.text[min(s.column+1, len(row.text)):]...)...)
	s.column++
}

// lines are the lines as they were printed, whole where they went on in the next row.
func (s *screen) lines() []string {
	var lines []string
	for _, row := range s.rows {
		if row.more {
			lines[len(lines)-1] += string(row.text)
			continue
		}
		lines = append(lines, string(row.text))
	}
	return lines
}

// wantTidy fails the test unless each line is a whole log line, which the terminal may break where it likes, or no wider than the screen; unless all
// progress is gone; and unless the cursor stands at the beginning of a line. It returns the log lines' messages, and the other lines.
func (s *screen) wantTidy() (logged, printed []string) {
	s.t.Helper()
	progress := regexp.MustCompile(`^ *\d+%  .*\d of \d|^ *\d+%  .*\d/s`)
	for _, row := range s.erased {
		if !progress.MatchString(row) || utf8.RuneCountInString(row) >= s.width {
			s.t.Errorf("what was taken off the screen is no line of progress of less than %d columns: %q", s.width, row)
		}
	}
	lines := s.lines()
	if last := lines[len(lines)-1]; last != "" {
		s.t.Errorf("the last line has no end: %q", last)
	}
	for _, line := range lines[:len(lines)-1] {
		if strings.HasPrefix(line, "{") {
			var entry struct {
				Message string `json:"msg"`
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Message == "" {
				s.t.Errorf("a log line is torn (%v): %q", err, line)
			}
			logged = append(logged, entry.Message)
			continue
		}
		if columns := utf8.RuneCountInString(line); columns > s.width {
			s.t.Errorf("a line of %d columns on a screen of %d: %q", columns, s.width, line)
		}
		if progress.MatchString(line) {
			s.t.Errorf("progress is left on the screen: %q", line)
		}
		printed = append(printed, line)
	}
	return logged, printed
}
