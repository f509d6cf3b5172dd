package main

import (
	"io"
	"os"
)

// colour.go: what of a result is green, yellow or red, on a terminal that shows it and for somebody who did not set NO_COLOR (no-color.org).

// colour is a colour of text, as SGR counts them.
type colour string

const (
	uncoloured colour = ""
	red        colour = "31" // halted, not proven: somebody must act
	green      colour = "32" // done, proven
	yellow     colour = "33" // dead letters and warnings: somebody should look
)

// look is how results are printed on stdout. The zero value is for a pipe or a file: wide as it comes, without colours.
type look struct {
	width    int // of the terminal; 0 for none
	coloured bool
}

// lookOf is how to print on w.
func lookOf(w io.Writer) look {
	f := screenOf(w)
	if f == nil {
		return look{}
	}
	return look{width: widthOf(f), coloured: !isDumb() && os.Getenv("NO_COLOR") == ""}
}

// in is a text in a colour. An empty text needs none.
func (l look) in(c colour, text string) string {
	if !l.coloured || c == uncoloured || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[m"
}
