package migrations

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"ridesink/internal/localenv"
)

func TestMain(m *testing.M) { os.Exit(localenv.Main(m)) }

// connect opens a connection of the test's own.
func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// with sets a parameter of a connection URL.
func with(t *testing.T, databaseURL, name, value string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// names asks for one column of text.
func names(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const tablesHere = `SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v') ORDER BY relname`

// wantVersion fails the test unless the database is at version, without a dirty mark.
func wantVersion(t *testing.T, databaseURL string, want uint) {
	t.Helper()
	got, dirty, err := Version(t.Context(), databaseURL)
	if err != nil || dirty || got != want {
		t.Fatalf("version %d, dirty %t, error %v; want version %d, clean", got, dirty, err, want)
	}
}

func mustUp(t *testing.T, databaseURL string, wantApplied uint) {
	t.Helper()
	applied, version, err := Up(t.Context(), databaseURL)
	if err != nil || version != Newest() || uint(applied) != wantApplied {
		t.Fatalf("up: applied %d, version %d, error %v; want %d, %d", applied, version, err, wantApplied, Newest())
	}
	wantVersion(t, databaseURL, Newest())
}

func TestUpDownUp(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	conn := connect(t, database)
	wantVersion(t, database, 0)
	if found := names(t, conn, tablesHere); len(found) != 0 {
		t.Fatalf("asking for the version made tables: %q", found)
	}
	mustUp(t, database, Newest())
	mustUp(t, database, 0)
	if got, want := fmt.Sprint(names(t, conn, tablesHere)), "[rides sink_dead_letter_summary sink_dead_letters sink_events sink_ledger sink_schema_migrations sink_status]"; got != want {
		t.Errorf("tables %s, want %s", got, want)
	}
	reverted, version, err := Down(t.Context(), database, 1)
	if err != nil || reverted != 1 || version != Newest()-1 {
		t.Fatalf("down one: reverted %d, version %d, error %v", reverted, version, err)
	}
	reverted, version, err = Down(t.Context(), database, All)
	if err != nil || uint(reverted) != Newest()-1 || version != 0 {
		t.Fatalf("down all: reverted %d, version %d, error %v", reverted, version, err)
	}
	wantVersion(t, database, 0)
	if reverted, _, err := Down(t.Context(), database, All); err != nil || reverted != 0 {
		t.Errorf("down without tables: reverted %d, error %v", reverted, err)
	}
	if got := fmt.Sprint(names(t, conn, tablesHere)); got != "[sink_schema_migrations]" {
		t.Errorf("tables %s are left", got)
	}
	mustUp(t, database, Newest())
}

func TestEveryTableAndColumnHasAComment(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	mustUp(t, database, Newest())
	missing := names(t, connect(t, database), `
		SELECT c.relname || coalesce('.' || a.attname, '')
		  FROM pg_class c
		  JOIN (SELECT attrelid, attnum, attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
		        UNION ALL SELECT oid, 0, NULL FROM pg_class) a ON a.attrelid = c.oid
		 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v')
		   AND coalesce(col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')) IS NULL
		    OR c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL
		 ORDER BY 1`)
	if len(missing) > 0 {
		t.Errorf("without a comment: %s", strings.Join(missing, ", "))
	}
}

// TestFilesLeaveTheirMark: Recover goes by the comment that each file leaves in its transaction.
func TestFilesLeaveTheirMark(t *testing.T) {
	t.Parallel()
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2*int(Newest()) {
		t.Errorf("%d files for %d versions: each has one up and one down", len(entries), Newest())
	}
	for _, entry := range entries {
		content, err := files.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		var version int
		if _, err := fmt.Sscanf(entry.Name(), "%04d_", &version); err != nil {
			t.Fatalf("%s: %v", entry.Name(), err)
		}
		if strings.HasSuffix(entry.Name(), ".down.sql") {
			version--
		}
		if mark := fmt.Sprintf("Applied: %d';\n", version); !strings.HasSuffix(string(content), mark) {
			t.Errorf("%s does not end with the mark %q", entry.Name(), mark)
		}
	}
}

func TestFourConcurrentStarters(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	counts := make([]int, 4)
	var starters errgroup.Group
	for i := range counts {
		starters.Go(func() error {
			applied, version, err := Up(t.Context(), database)
			counts[i] = applied
			if err == nil && version != Newest() {
				return fmt.Errorf("starter %d ended at version %d", i, version)
			}
			return err
		})
	}
	if err := starters.Wait(); err != nil {
		t.Fatal(err)
	}
	if sum := counts[0] + counts[1] + counts[2] + counts[3]; uint(sum) != Newest() {
		t.Errorf("the starters applied %v, want %d in all", counts, Newest())
	}
	wantVersion(t, database, Newest())
}

// TestKilledHalfWay: 1. another session holds what the first file needs, 2. the migration waits inside the file, 3. its session is
// killed. The dirty mark is left, the file was not applied.
func TestKilledHalfWay(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	holder := connect(t, database)
	execute(t, holder, "BEGIN")
	execute(t, holder, "CREATE TABLE rides (unfinished int)")
	const name = "to-be-killed"
	done := make(chan error, 1)
	go func() { // ends when its session is killed below
		_, _, err := Up(context.WithoutCancel(t.Context()), with(t, database, "application_name", name+holder.Config().RuntimeParams["search_path"]))
		done <- err
	}()
	killer := connect(t, database)
	eventually(t, "the migration to wait for a lock, and to be killed", func() bool {
		return len(names(t, killer, `WITH waiting AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'
			AND application_name = '`+name+`' || current_schema()) SELECT pid::text FROM waiting WHERE pg_terminate_backend(pid)`)) > 0
	})
	if err := <-done; err == nil {
		t.Fatal("the killed migration succeeded")
	}
	execute(t, holder, "ROLLBACK")

	if version, dirty, err := Version(t.Context(), database); err != nil || !dirty || version != 1 {
		t.Fatalf("after the kill: version %d, dirty %t, error %v; want 1, dirty", version, dirty, err)
	}
	var interrupted *DirtyError
	if _, _, err := Up(t.Context(), database); !errors.As(err, &interrupted) || !strings.Contains(err.Error(), "--recover") {
		t.Fatalf("up on a dirty database: %v; want an error that names --recover", err)
	}
	if version, err := Recover(t.Context(), database); err != nil || version != 0 {
		t.Fatalf("recover: version %d, error %v; want 0", version, err)
	}
	mustUp(t, database, Newest())
}

func TestRecover(t *testing.T) {
	t.Parallel()
	newest := int(Newest())
	for _, tt := range []struct {
		scenario string
		version  int
		comment  string // of sink_schema_migrations, if not what the files left
		want     uint
		wantErr  string
	}{
		{scenario: "the last file was applied, but not its version", version: newest, want: Newest()},
		{scenario: "a step down was begun and not applied", version: newest - 1, want: Newest()},
		{scenario: "a step up was begun and not applied", version: newest + 1, want: Newest()},
		{scenario: "no interruption leaves this", version: 2, wantErr: "by hand"},
		{scenario: "somebody changed the comment", version: newest, comment: "ours", wantErr: "comment"},
		{scenario: "a step down to nothing was applied", version: -1, comment: "Applied: 0", want: 0},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			database := localenv.Database(t)
			mustUp(t, database, Newest())
			conn := connect(t, database)
			execute(t, conn, fmt.Sprintf("UPDATE sink_schema_migrations SET dirty = true, version = %d", tt.version))
			if tt.comment != "" {
				execute(t, conn, "COMMENT ON TABLE sink_schema_migrations IS '"+tt.comment+"'")
			}
			version, err := Recover(t.Context(), database)
			switch {
			case tt.wantErr != "":
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, want one with %q", err, tt.wantErr)
				}
			case err != nil || version != tt.want:
				t.Fatalf("version %d, error %v; want %d", version, err, tt.want)
			default:
				wantVersion(t, database, tt.want)
			}
		})
	}
}

// TestRejectedFile: PostgreSQL's refusal proves that nothing was applied, so no dirty mark is left either.
func TestRejectedFile(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	conn := connect(t, database)
	execute(t, conn, "CREATE TABLE sink_ledger (of_somebody_else int)")
	_, _, err := Up(t.Context(), database)
	if err == nil || !strings.Contains(err.Error(), "rename it") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v, want one line that says what to do", err)
	}
	wantVersion(t, database, 1)
	execute(t, conn, "DROP TABLE sink_ledger")
	mustUp(t, database, Newest()-1)
}

func TestLockWaitIsBounded(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	mustUp(t, database, Newest())
	holder := connect(t, database)
	execute(t, holder, "BEGIN")
	execute(t, holder, "LOCK TABLE sink_status IN ACCESS SHARE MODE") // as one who reads it
	began := time.Now()
	_, _, err := Down(t.Context(), with(t, database, "lock_timeout", "200ms"), 1)
	if err == nil || !strings.Contains(err.Error(), "held a lock") {
		t.Fatalf("error %v, want one about the lock", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	wantVersion(t, database, Newest())
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := func(change func(*url.URL)) string {
		changed := *u
		change(&changed)
		return changed.String()
	}
	for _, tt := range []struct{ scenario, database, want string }{
		{"nobody listens", elsewhere(func(u *url.URL) { u.Host = "127.0.0.1:1" }), "cannot be reached"},
		{"the database does not exist", elsewhere(func(u *url.URL) { u.Path = "/no_such_database" }), "create it"},
		{"no schema of search_path exists", with(t, database, "search_path", "no_such_schema"), "CREATE SCHEMA"},
		{"the URL is no URL", "postgres://user:sesame@:host:1:2", "cannot be read"},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			_, _, err := Up(t.Context(), tt.database)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "sesame") {
				t.Errorf("error %v, want one line with %q and no password", err, tt.want)
			}
		})
	}
}

// eventually polls until condition holds, for 10 s.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline, ticker := time.After(10*time.Second), time.NewTicker(20*time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited 10 s for %s", what)
		case <-ticker.C:
		}
	}
}
