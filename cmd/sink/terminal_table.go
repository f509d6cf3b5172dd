package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// terminal_table.go: tables and sentences as wide as the terminal. A pipe gets every column and every sentence in one line, whatever its width: what reads
// it is no eye. On a terminal that is too narrow columns that are zero everywhere are left out, and a table that is still too wide becomes a paragraph a
// row.

// column is a column of a table.
type column struct {
	name  string
	count bool   // numbers that may be left out where they are 0
	alarm colour // of the numbers that are not 0
}

// cell is one value. Its colour goes before that of the column.
type cell struct {
	text   string
	colour colour
}

// table is a table whose first column names its rows.
type table struct {
	columns []column
	rows    [][]cell
}

// row appends a row: a cell a column, as a text, a count or a cell.
func (t *table) row(values ...any) {
	cells := make([]cell, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case int64:
			cells[i].text = strconv.FormatInt(v, 10)
			if v != 0 {
				cells[i].colour = t.columns[i].alarm
			}
		case cell:
			cells[i] = v
		default:
			cells[i].text = fmt.Sprint(v)
		}
	}
	t.rows = append(t.rows, cells)
}

// write appends the table as it looks best.
func (t *table) write(b *strings.Builder, l look) {
	if l.width == 0 {
		t.writeWide(b)
		return
	}
	widths := t.widths()
	for _, shown := range [][]int{t.all(), t.telling()} {
		total := 0
		for _, i := range shown {
			total += widths[i]
		}
		if total <= l.width {
			t.writeAligned(b, l, shown, widths)
			return
		}
	}
	t.writeParagraphs(b, l)
}

// columnGap is between two columns, and before the first.
const columnGap = 2

// writeWide is the table with all it has.
func (t *table) writeWide(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, columnGap, ' ', tabwriter.AlignRight)
	for _, c := range t.columns {
		fmt.Fprint(w, c.name, "\t")
	}
	fmt.Fprintln(w)
	for _, row := range t.rows {
		for _, c := range row {
			fmt.Fprint(w, c.text, "\t")
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // into memory
}

// widths is how wide each column is, the gap before it included.
func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = columnGap + utf8.RuneCountInString(c.name)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columnGap+utf8.RuneCountInString(row[i].text))
		}
	}
	return widths
}

// all are all columns.
func (t *table) all() []int {
	columns := make([]int, len(t.columns))
	for i := range columns {
		columns[i] = i
	}
	return columns
}

// telling are the columns without the counts that are 0 everywhere.
func (t *table) telling() []int {
	var columns []int
	for i, c := range t.columns {
		if !c.count || slices.ContainsFunc(t.rows, func(row []cell) bool { return !isZero(row[i]) }) {
			columns = append(columns, i)
		}
	}
	return columns
}

func isZero(c cell) bool { return c.text == "0" || c.text == "" }

// writeAligned is a line a row.
func (t *table) writeAligned(b *strings.Builder, l look, shown, widths []int) {
	line := func(text func(i int) cell) {
		var blank strings.Builder // what is blank at the end of a line is not printed
		for _, i := range shown {
			c := text(i)
			blank.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)))
			if c.text != "" {
				b.WriteString(blank.String() + l.in(c.colour, c.text))
				blank.Reset()
			}
		}
		b.WriteByte('\n')
	}
	line(func(i int) cell { return cell{text: t.columns[i].name} })
	for _, row := range t.rows {
		line(func(i int) cell { return row[i] })
	}
}

// writeParagraphs is a name and a value after the other, as many on a line as there is room for, under the name of its row. Zeros are
// left out.
func (t *table) writeParagraphs(b *strings.Builder, l look) {
	const indent = "  "
	for _, row := range t.rows {
		b.WriteString(row[0].text + "\n")
		used := 0
		for i, c := range row {
			if i == 0 || c.text == "" || t.columns[i].count && isZero(c) {
				continue
			}
			name := t.columns[i].name + ": "
			size := len(indent) + utf8.RuneCountInString(name+c.text)
			if used > 0 && used+size > l.width {
				b.WriteByte('\n')
				used = 0
			}
			b.WriteString(indent + name + l.in(c.colour, c.text))
			used += size
		}
		if used == 0 {
			b.WriteString(indent + "nothing")
		}
		b.WriteByte('\n')
	}
}

// sentence appends a line of text in a colour. On a terminal it is broken between words, and goes on indented.
func (l look) sentence(b *strings.Builder, c colour, text string) {
	for line := range strings.SplitSeq(folded(text, l.width), "\n") {
		b.WriteString(l.in(c, line) + "\n")
	}
}

// folded breaks a text between words so that its lines fit into a width, with the second and later ones indented. A word that is wider stays whole: a
// name that is broken cannot be copied. Width 0 breaks nothing.
func folded(text string, width int) string {
	const indent = "  "
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	var b strings.Builder
	used := 0
	for i, word := range strings.Split(text, " ") {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+size > width:
			b.WriteString("\n" + indent)
			used = len(indent)
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += size
	}
	return b.String()
}
