package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// troubleshooting_test.go: docs/troubleshooting.md names every error and warning that a user can meet, in the words of the code, and no other.
//
// In the document a message is a line of its own in backticks, with or without "- " before it, and <placeholders> for what varies. In the
// code it is the format of what makes errors, warnings and notes; verbs and whatever is no constant are its placeholders. Both must be the same
// but for the names of placeholders.

const troubleshootingPath = "../../docs/troubleshooting.md"

// messageRooms are where what a user meets is written.
var messageRooms = []string{
	"cmd/sink", "sink", "schema", "migrations", "internal/serde", "internal/servers", "internal/repair", "internal/verify", "internal/status", "internal/page", "internal/partlog",
}

// notInTroubleshooting are messages that need no entry, each with the reason why.
var notInTroubleshooting = map[string]string{
	"seen enough":           "how a look at whether a broker speaks TLS ends, never printed",
	"go on at <x>":          "how verify changes from one stretch to the next, never printed",
	"go on from the ledger": "how a pipeline begins again, never printed",
	"the ledger moved":      "how a pipeline begins again; the warning is its own entry",
	"the ledger is not where the batch begins":          "the ledger is read then, and what it says is done",
	"the partition is behind: it needs a turn":          "how a pipeline asks for memory, never printed",
	"partlog: no brokers":                               "Config.Validate refuses it before",
	"partlog: no transport":                             "cannot be set by users",
	"partlog: the client id is longer than 249 bytes":   "what sets it refuses that before",
	"the logger is nil":                                 "cannot be set by users",
	"the network timeout is <x>: it must be above zero": "cannot be set by users",
	"the commit interval is <x>: it must be above zero": "cannot be set by users",
	"the watch interval is <x>: it must be above zero":  "cannot be set by users",
	"stopped by a signal":                               "the cause of other messages, explained there",
	"stopped":                                           "how produce ends between two records, never printed",
	"in sink_dead_letters":                              "where a difference is, behind its kind and values",
}

// Every message of the document is one of the code.
func TestTroubleshootingNamesOnlyWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	said, _ := messagesOfCode(t)
	for _, entry := range messagesOfDocument(t) {
		if _, ok := said[entry.shape]; !ok {
			t.Errorf("docs/troubleshooting.md:%d: no code says\n\t%s\n%s", entry.line, entry.text, nearest(entry.shape, said))
		}
	}
}

// Every message of the code is one of the document, or exempt.
func TestTroubleshootingNamesEverythingTheCodeSays(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, entry := range messagesOfDocument(t) {
		if documented[entry.shape] {
			t.Errorf("docs/troubleshooting.md:%d: the message is there twice; remove one of\n\t%s", entry.line, entry.text)
		}
		documented[entry.shape] = true
	}
	_, met := messagesOfCode(t)
	if len(met) < 200 {
		t.Errorf("%d messages were found in the code: the search no longer finds what it is for", len(met))
	}
	used := map[string]bool{}
	for shape, where := range met {
		if _, ok := notInTroubleshooting[shape]; ok {
			used[shape] = true
			if documented[shape] {
				t.Errorf("%s: in docs/troubleshooting.md and in notInTroubleshooting; remove it from the latter:\n\t%s", where, shape)
			}
			continue
		}
		if !documented[shape] {
			t.Errorf("%s: add to docs/troubleshooting.md a line, with a better name for each <x>, then cause and cure below it:\n\t- `%s`\nor, if nobody can meet it, to notInTroubleshooting with the reason",
				where, shape)
		}
	}
	for shape, reason := range notInTroubleshooting {
		if !used[shape] {
			t.Errorf("notInTroubleshooting exempts what no code says any more; remove it: %q (%s)", shape, reason)
		}
	}
}

type documented struct {
	text, shape string
	line        int
}

var (
	messageLine = regexp.MustCompile("^\\s*(?:- )?`([^`]+)`$")
	placeholder = regexp.MustCompile(`<[a-z][a-z0-9 _/-]*>`)
	formatVerb  = regexp.MustCompile(`%[-+# 0]*(?:\d+)?(?:\.\d+)?[a-zA-Z]`)
	blanks      = regexp.MustCompile(`"?<x>"?(?:/?"?<x>"?)*`)
)

// shapeOf makes formats and entries comparable: each placeholder is <x>, with or without quotes, and several in a row or with slashes between are one.
func shapeOf(s string) string {
	return strings.TrimSpace(blanks.ReplaceAllString(placeholder.ReplaceAllString(s, "<x>"), "<x>"))
}

func shapeOfFormat(format string) string {
	format = strings.ReplaceAll(format, "%%", "\x00")
	return shapeOf(strings.ReplaceAll(formatVerb.ReplaceAllString(format, "<x>"), "\x00", "%"))
}

func messagesOfDocument(t *testing.T) []documented {
	t.Helper()
	content, err := os.ReadFile(troubleshootingPath)
	if err != nil {
		t.Fatal(err)
	}
	var all []documented
	for i, line := range strings.Split(string(content), "\n") {
		if m := messageLine.FindStringSubmatch(line); m != nil {
			all = append(all, documented{text: m[1], shape: shapeOf(m[1]), line: i + 1})
		}
	}
	if len(all) == 0 {
		t.Fatal("docs/troubleshooting.md has no message: a line of its own in backticks")
	}
	return all
}

// messagesOfCode returns the shapes of all strings of the code, and of those that are errors, warnings, notes and reasons, with a place of each.
func messagesOfCode(t *testing.T) (said, met map[string]string) {
	t.Helper()
	c := &messageCollector{files: token.NewFileSet(), said: map[string]string{}, met: map[string]string{}}
	for _, room := range messageRooms {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(c.files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			c.room = filepath.ToSlash(room)
			ast.Inspect(file, c.visit)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return c.said, c.met
}

type messageCollector struct {
	files     *token.FileSet
	room      string
	said, met map[string]string
}

func (c *messageCollector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr, *ast.BasicLit:
		if format, ok := constantFormat(n.(ast.Expr)); ok {
			c.said[shapeOfFormat(format)] = c.at(n)
		}
	case *ast.CallExpr:
		if arg := messageArgument(n); arg >= 0 && arg < len(n.Args) {
			c.meet(n.Args[arg])
		}
	case *ast.FuncDecl:
		if n.Body != nil && returnsMessages(n) {
			ast.Inspect(n.Body, c.visitErrorMethod)
		}
	case *ast.CompositeLit:
		c.visitComposite(n)
	case *ast.GenDecl:
		c.visitConstants(n)
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if i < len(n.Rhs) && slices.Contains([]string{"why", "do", "detail", "without"}, lastNameOf(left)) {
				c.meet(n.Rhs[i])
			}
		}
	}
	return true
}

// returnsMessages reports whether what a function returns is an error's text, or why or what to do about it.
func returnsMessages(f *ast.FuncDecl) bool {
	return f.Recv != nil && f.Name.Name == "Error" || slices.Contains([]string{"advice", "problem", "check", "otherFormat"}, f.Name.Name)
}

// visitErrorMethod takes what such a function returns.
func (c *messageCollector) visitErrorMethod(n ast.Node) bool {
	if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
		c.meet(r.Results[0])
	}
	return true
}

// visitComposite takes What and Do of an EnvironmentError and a RefusedError, which are printed as one, the problem of a DecodeError and the detail of a Difference.
func (c *messageCollector) visitComposite(n *ast.CompositeLit) {
	fields := map[string]ast.Expr{}
	for _, element := range n.Elts {
		if kv, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok {
				fields[key.Name] = kv.Value
			}
		}
	}
	switch nameOf(n.Type) {
	case "EnvironmentError", "RefusedError":
		what, _ := textOf(fields["What"])
		do, built := textOf(fields["Do"])
		if !built {
			do = "%v"
		}
		message := what + ": " + do
		if fields["Err"] != nil {
			message += " (%v)"
		}
		c.add(n, message)
	case "DecodeError":
		if problem := fields["Problem"]; problem != nil {
			c.meet(problem)
		}
	case "Difference":
		if detail := fields["Detail"]; detail != nil {
			c.meet(detail)
		}
	case "piece":
		if why := fields["why"]; why != nil {
			c.meet(why)
		}
	}
}

// visitConstants takes the reasons of dead letters and the kinds of differences.
func (c *messageCollector) visitConstants(n *ast.GenDecl) {
	if n.Tok != token.CONST {
		return
	}
	for _, spec := range n.Specs {
		value := spec.(*ast.ValueSpec)
		reason := c.room == "schema" && nameOf(value.Type) == "Reason"
		for i, name := range value.Names {
			if (reason || c.room == "internal/verify" && strings.HasPrefix(name.Name, "Kind")) && i < len(value.Values) {
				c.meet(value.Values[i])
			}
		}
	}
}

// meet takes a format or text that is built in place; one that comes from elsewhere is taken there.
func (c *messageCollector) meet(e ast.Expr) {
	if format, ok := textOf(e); ok {
		c.add(e, format)
	}
}

func (c *messageCollector) add(at ast.Node, format string) {
	shape := shapeOfFormat(format)
	c.said[shape] = c.at(at)
	if onlyContext(format) || strings.Trim(strings.ReplaceAll(shape, "<x>", ""), " :;()[],/") == "" {
		return
	}
	c.met[shape] = c.at(at)
}

func (c *messageCollector) at(n ast.Node) string {
	p := c.files.Position(n.Pos())
	return strings.TrimPrefix(filepath.ToSlash(p.Filename), "../../") + ":" + strconv.Itoa(p.Line)
}

// onlyContext reports whether a format says what was attempted and leaves it to the error behind it to say what is wrong: that one is what is
// looked for.
func onlyContext(format string) bool {
	rest, ok := strings.CutSuffix(format, ": %w")
	return ok && !strings.Contains(rest, "%w") && !strings.ContainsAny(rest, ";,?")
}

// messageArgument returns which argument of the call is a message, or -1.
func messageArgument(call *ast.CallExpr) int {
	switch nameOf(call.Fun) {
	case "fmt.Errorf", "errors.New", "usagef", "badAvro", "note", "contradiction", "malformed", "Warn", "Error":
		return 0
	case "problem", "forget", "require", "http.Error", "WarnContext", "ErrorContext":
		return 1
	case "corrupt", "Log", "noRecord":
		return 2
	}
	return -1
}

// nameOf is a function, method or type by its name; of packages whose functions have common names with the package.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return nameOf(e.X)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && slices.Contains([]string{"fmt", "errors", "http"}, x.Name) {
			return x.Name + "." + e.Sel.Name
		}
		return e.Sel.Name
	}
	return ""
}

// lastNameOf is the variable or field that is assigned to.
func lastNameOf(e ast.Expr) string {
	_, name, _ := strings.Cut("."+nameOf(e), ".")
	return name
}

// textOf is the format of an expression that is built in place: constants, sums, fmt.Sprintf.
func textOf(e ast.Expr) (string, bool) {
	if call, ok := e.(*ast.CallExpr); ok && nameOf(call.Fun) == "fmt.Sprintf" && len(call.Args) > 0 {
		return textOf(call.Args[0])
	}
	return constantFormat(e)
}

// constantFormat folds a sum of strings; what is no constant in it is %v. It is false if nothing of it is constant.
func constantFormat(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.ParenExpr:
		return constantFormat(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, isLeft := textOf(e.X)
		right, isRight := textOf(e.Y)
		if !isLeft {
			left = "%v"
		}
		if !isRight {
			right = "%v"
		}
		return left + right, isLeft || isRight
	}
	return "", false
}

// nearest names what the code says that begins or ends most alike, for whoever changed a message.
func nearest(shape string, said map[string]string) string {
	best, length := "", 0
	for other := range said {
		if n := alike(shape, other); n > length {
			best, length = other, n
		}
	}
	if length < 8 {
		return "remove it, or write it as the code does"
	}
	return fmt.Sprintf("the most similar is, at %s:\n\t%s\nwrite it so, or remove the entry", said[best], best)
}

// alike is how many bytes two strings have in common at their beginning and end.
func alike(a, b string) int {
	shorter := min(len(a), len(b))
	n := 0
	for n < shorter && a[n] == b[n] {
		n++
	}
	m := 0
	for m < shorter-n && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	return n + m
}
