package rooms

import (
	"os"
	"strings"
	"testing"
)

// The README says of each direct dependency why it is there, and of nothing that is not.
func TestREADMENamesEveryDirectDependency(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n## Dependencies\n")
	table, _, _ = strings.Cut(table, "\n## ")
	named := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, path := range strings.FieldsFunc(cells[1], func(r rune) bool { return r == ' ' || r == ',' || r == '`' }) {
			if strings.Contains(path, "/") {
				named[path] = true
			}
		}
	}
	direct := map[string]bool{}
	for line := range strings.Lines(string(module)) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") && !strings.Contains(line, "// indirect") {
			direct[fields[0]] = true
			if !named[fields[0]] {
				t.Errorf("go.mod requires %s, and the README does not say why", fields[0])
			}
		}
	}
	for path := range named {
		if !direct[path] {
			t.Errorf("the README names %s, which go.mod does not require directly", path)
		}
	}
}
