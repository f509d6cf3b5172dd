package main

import (
	"bytes"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// terminal.go: stderr, which log lines and the progress line share. Who writes a line to it never tears the progress: the line is cleared, what was
// written stands whole above it, and it is drawn again. Where nothing can be drawn (a pipe, a file, TERM=dumb) it is stderr as it is.

// What a terminal is told, by ECMA-48.
const (
	toLineStart = "\r"
	eraseLine   = "\x1b[K" // from the cursor on
)

// fallbackWidth is the width of a terminal that does not tell its own.
const fallbackWidth = 80

// terminal is stderr. It is safe for concurrent use.
type terminal struct {
	out   io.Writer
	width func() int // of the screen, now; nil where there is none
	draws bool       // there is a screen, and it can be drawn on

	mu       sync.Mutex
	line     func(width int) string // the progress line, nil for none
	visible  bool                   // the line is what the cursor stands behind
	unended  bool                   // what was written last is a line without its end, which nothing may be drawn over
	finished bool                   // nothing is drawn any more
}

// newTerminal wraps stderr.
func newTerminal(stderr io.Writer) *terminal {
	t := &terminal{out: stderr}
	if f := screenOf(stderr); f != nil {
		t.width = func() int { return widthOf(f) }
		t.draws = !isDumb()
	}
	return t
}

// screenOf is the terminal behind w, or nil.
func screenOf(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// isDumb says that the terminal takes nothing but text, or that nobody knows what it takes.
func isDumb() bool {
	kind := os.Getenv("TERM")
	return kind == "" || kind == "dumb"
}

// widthOf asks a terminal how many columns it has now.
func widthOf(f *os.File) int {
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return fallbackWidth
}

// columns is how wide the screen is, 0 where there is none.
func (t *terminal) columns() int {
	if t.width == nil {
		return 0
	}
	return t.width()
}

// Write prints above the progress line. Each call should hold whole lines, as those of a slog.Handler do.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draws || len(p) == 0 {
		return t.out.Write(p)
	}
	var b bytes.Buffer
	t.erase(&b)
	b.Write(p)
	t.unended = p[len(p)-1] != '\n'
	t.redraw(&b)
	if _, err := t.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// draw makes line the progress line, and prints it. It is called with the width that it may take, now and whenever it is printed again.
func (t *terminal) draw(line func(width int) string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draws || t.finished {
		return
	}
	t.line = line
	var b bytes.Buffer
	t.erase(&b)
	t.redraw(&b)
	_, _ = t.out.Write(b.Bytes()) // a line that cannot be drawn is no reason to stop
}

// finish takes the progress line away, for good.
func (t *terminal) finish() {
	t.draw(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finished = true
}

// erase appends what takes the progress line off the screen.
func (t *terminal) erase(b *bytes.Buffer) {
	if t.visible {
		b.WriteString(toLineStart + eraseLine)
		t.visible = false
	}
}

// redraw appends the progress line. It leaves the last column empty: a terminal that has filled it may go on to the next line.
func (t *terminal) redraw(b *bytes.Buffer) {
	if t.line == nil || t.unended {
		return
	}
	width := max(t.width()-1, 0)
	b.WriteString(cut(t.line(width), width))
	t.visible = true
}

// cut is the beginning of a text, of at most width characters.
func cut(text string, width int) string {
	characters := []rune(text)
	return string(characters[:min(len(characters), width)])
}
