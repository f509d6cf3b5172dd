package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sql_document_test.go: the questions of docs/sql.md, asked of the rides that it tells its readers to make, have the answers that it prints.

var updateSQL = flag.Bool("update-sql", false, "write the answers of docs/sql.md anew")

const sqlDocument = "../../docs/sql.md"

// TestSQLDocument holds: psql prints for each query of docs/sql.md what stands below it.
func TestSQLDocument(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(sqlDocument)
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, 4)
	s.start("produce", "--topic="+s.topic(), "--synthetic=100000", "--seed=1").wantExit(0, 2*time.Minute)
	client := newClient(t, s.brokers)
	for i, value := range []string{"hello", `{"weather": "rain"}`, `{"PULocationID": "Times Square"}`} {
		if !strings.Contains(string(content), "'"+value+"'") {
			t.Errorf("docs/sql.md does not tell to send %s", value)
		}
		record := &kgo.Record{Topic: s.topic(), Partition: int32(i), Value: []byte(value)}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s.backfilled(4)
	conn := s.connect()

	asked := 0
	pair := regexp.MustCompile("(?s)```sql\n(.*?)```\n\n```text\n(.*?)```\n")
	updated := pair.ReplaceAllStringFunc(string(content), func(found string) string {
		parts := pair.FindStringSubmatch(found)
		query, answer := parts[1], parts[2]
		asked++
		got := printed(t, conn, query)
		if psql := s.psql(query); psql != "" && psql != got {
			t.Errorf("%s\npsql prints\n%s\nthis test prints\n%s", query, psql, got)
		}
		if got != answer && !*updateSQL {
			t.Errorf("%s\nanswers\n%s\ndocs/sql.md says\n%s\nTo write the answers anew: go test ./internal/e2e -run SQLDocument -update-sql", query, got, answer)
		}
		return "```sql\n" + query + "```\n\n```text\n" + got + "```\n"
	})
	if asked != 10 || asked != strings.Count(string(content), "```sql\n") {
		t.Errorf("%d queries with answers, want ten, and none without", asked)
	}
	if *updateSQL && !t.Failed() {
		if err := os.WriteFile(sqlDocument, []byte(updated), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// psql asks the real one, where there is one; else it returns nothing.
func (s scene) psql(query string) string {
	s.t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		return ""
	}
	// A schema in a URL is an option there.
	config, err := pgx.ParseConfig(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.CommandContext(s.t.Context(), path, "--no-psqlrc", "-P", "pager=off", "-c", strings.TrimSuffix(strings.TrimSpace(query), ";"))
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "PGHOST=" + config.Host, fmt.Sprintf("PGPORT=%d", config.Port), "PGUSER=" + config.User, "PGPASSWORD=" + config.Password,
		"PGDATABASE=" + config.Database, "PGOPTIONS=-c search_path=" + config.RuntimeParams["search_path"],
	}
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("psql: %v: %s", err, out)
	}
	return tidy(string(out))
}

// tidy takes away what no document keeps: blanks at the ends of lines, and psql's empty last line.
func tidy(answer string) string {
	lines := strings.Split(strings.TrimRight(answer, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// printed is the answer as psql aligns it: names in the middle, numbers to the right.
func printed(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	results, err := conn.PgConn().Exec(t.Context(), query).ReadAll()
	if err != nil || len(results) != 1 {
		t.Fatalf("%s: %d results, %v", query, len(results), err)
	}
	fields, rows := results[0].FieldDescriptions, results[0].Rows
	widths := make([]int, len(fields))
	for i, f := range fields {
		widths[i] = utf8.RuneCountInString(f.Name)
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCount(row[i]))
		}
	}
	var b strings.Builder
	line := func(between string, cell func(i int) string) {
		for i := range fields {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(cell(i))
		}
		b.WriteByte('\n')
	}
	line("|", func(i int) string {
		free := widths[i] - utf8.RuneCountInString(fields[i].Name)
		return strings.Repeat(" ", 1+free/2) + fields[i].Name + strings.Repeat(" ", 1+free-free/2)
	})
	line("+", func(i int) string { return strings.Repeat("-", widths[i]+2) })
	for _, row := range rows {
		line("|", func(i int) string {
			free := strings.Repeat(" ", widths[i]-utf8.RuneCount(row[i]))
			if isNumber(fields[i].DataTypeOID) {
				return " " + free + string(row[i]) + " "
			}
			return " " + string(row[i]) + free + " "
		})
	}
	if len(rows) == 1 {
		b.WriteString("(1 row)\n")
	} else {
		fmt.Fprintf(&b, "(%d rows)\n", len(rows))
	}
	return tidy(b.String())
}

func isNumber(oid uint32) bool {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		return true
	}
	return false
}
