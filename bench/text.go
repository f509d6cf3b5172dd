package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// text.go: the results on a terminal.

func (r *report) writeText(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n\n%s\n", r.headline(), strings.Join(r.about(), "\n"))
	for _, t := range r.tables() {
		fmt.Fprintf(w, "\n== %s\n", t.title)
		if t.note != "" {
			fmt.Fprintln(w, t.note)
		}
		t.write(w)
	}
}

// write aligns names to the left and numbers to the right.
func (t table) write(w io.Writer) {
	widths := make([]int, len(t.head))
	lines := append([][]string{t.head}, t.rows...)
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			if i == 0 {
				fmt.Fprintf(&b, "%-*s", widths[i], cell)
			} else {
				fmt.Fprintf(&b, "  %*s", widths[i], cell)
			}
		}
		fmt.Fprintln(w, b.String())
	}
}
