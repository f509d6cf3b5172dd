package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// markdown.go: the results as the part of a document that stands between two marks.

const (
	beginMark = "<!-- bench: begin -->"
	endMark   = "<!-- bench: end -->"
)

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n", r.headline())
	for _, line := range r.about() {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	for _, t := range r.tables() {
		fmt.Fprintf(&b, "\n### %s\n\n", t.title)
		if t.note != "" {
			fmt.Fprintf(&b, "%s\n\n", t.note)
		}
		line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
		line(t.head)
		line(append([]string{"---"}, slices.Repeat([]string{"---:"}, len(t.head)-1)...))
		for _, row := range t.rows {
			line(row)
		}
	}
	return b.String()
}

// updateDocument replaces what stands between the marks in a document. It makes a document that is not there, and adds marks that are missing.
func updateDocument(path, part string) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		content, err = []byte("# How fast it is\n"), nil
	}
	if err != nil {
		return fmt.Errorf("read the document (-markdown): %w", err)
	}
	changed, err := replaced(string(content), part)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

// replaced returns the document with another part between the marks.
func replaced(document, part string) (string, error) {
	before, rest, began := strings.Cut(document, beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	switch {
	case began && ended:
	case !began && !strings.Contains(document, endMark):
		before, after = strings.TrimRight(document, "\n")+"\n\n## Beside COPY itself\n\n", "\n"
	default:
		return "", fmt.Errorf("it has one of the marks %s and %s, or both in the wrong order: mend it by hand", beginMark, endMark)
	}
	return before + beginMark + "\n" + strings.TrimRight(part, "\n") + "\n" + endMark + after, nil
}
