package localenv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgres starts a server that ends with the test.
func postgres(t *testing.T, o PostgresOptions) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// query asks a server for one text, after some statements.
func query(t *testing.T, url, sql string, setup ...string) (answer string, err error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(t.Context()))) }()
	for _, first := range setup {
		if _, err := conn.Exec(t.Context(), first); err != nil {
			return "", err
		}
	}
	err = conn.QueryRow(t.Context(), sql).Scan(&answer)
	return answer, err
}

func mustQuery(t *testing.T, url, sql string, setup ...string) string {
	t.Helper()
	answer, err := query(t, url, sql, setup...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	p := postgres(t, PostgresOptions{Settings: map[string]string{"work_mem": "5MB"}})
	for _, s := range []struct{ scenario, sql, want string }{
		{"it has the version that it says", "SELECT split_part(current_setting('server_version'), ' ', 1)", p.Version()},
		{"it is durable", "SELECT current_setting('fsync') || current_setting('synchronous_commit')", "onon"},
		{"it takes settings", "SELECT current_setting('work_mem')", "5MB"},
		{"it speaks UTF-8", "SELECT current_setting('server_encoding')", "UTF8"},
		{"it listens here only", "SELECT current_setting('listen_addresses')", "127.0.0.1"},
	} {
		if got := mustQuery(t, p.URL(), s.sql); got != s.want {
			t.Errorf("%s: %s is %q, want %q", s.scenario, s.sql, got, s.want)
		}
	}
	_, err := query(t, strings.Replace(p.URL(), ":postgres@", ":wrong@", 1), "SELECT 'in'")
	if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != "28P01" {
		t.Errorf("a wrong password gives %v, want 28P01", err)
	}
	dir := p.Dir()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Stop its directory: %v, want that it is gone", err)
	}
}

// TestPostgresKill holds: what was committed before a kill -9 is there after the start, on the same port; what was not, is not.
func TestPostgresKill(t *testing.T) {
	t.Parallel()
	p := postgres(t, PostgresOptions{})
	url := p.URL()
	for round, want := range []string{"1", "2", "3"} {
		mustQuery(t, url, "INSERT INTO kept VALUES (1) RETURNING n::text", "CREATE TABLE IF NOT EXISTS kept (n int)")
		open, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open.Exec(t.Context(), "BEGIN; INSERT INTO kept VALUES (2)"); err != nil {
			t.Fatal(err)
		}
		p.Kill()
		if _, err := query(t, url, "SELECT 'alive'"); err == nil {
			t.Errorf("round %d: it answers after Kill", round)
		}
		_ = open.Close(t.Context())
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := mustQuery(t, url, "SELECT count(*)::text FROM kept"); got != want {
			t.Errorf("round %d: %s rows, want %s", round, got, want)
		}
	}
}

func TestPostgresDirStays(t *testing.T) {
	t.Parallel()
	// Not t.TempDir: below a directory that only we can enter.
	dir, err := unprivileged().tempDir("ridesink-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := PostgresOptions{Dir: filepath.Join(dir, "server")}
	p := postgres(t, o)
	mustQuery(t, p.URL(), "INSERT INTO kept VALUES (1) RETURNING n::text", "CREATE TABLE kept (n int)")
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	again := postgres(t, o)
	if got := mustQuery(t, again.URL(), "SELECT count(*)::text FROM kept"); got != "1" {
		t.Errorf("the second server has %s rows, want the 1 of the first", got)
	}
}

func TestPostgresRefusals(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		scenario string
		options  PostgresOptions
		want     string
	}{
		{"a server that forgets in a crash", PostgresOptions{Settings: map[string]string{"fsync": "off"}}, "fsync=off is refused"},
		{"a version that nobody has", PostgresOptions{Version: "3"}, "ask for 15 to 18"},
		{"a setting that it does not know", PostgresOptions{Settings: map[string]string{"nonsense": "1"}}, "unrecognized configuration parameter"},
	} {
		t.Run(s.scenario, func(t *testing.T) {
			t.Parallel()
			p, err := StartPostgres(t.Context(), s.options)
			if err == nil {
				t.Fatal("it starts:", p.Stop())
			}
			if !strings.Contains(err.Error(), s.want) {
				t.Errorf("the error is %q, want %q in it", err, s.want)
			}
		})
	}
}

func TestNewestInstalled(t *testing.T) {
	t.Parallel()
	all := []programs{{dir: "a", version: "15.9"}, {dir: "b", version: "15.18"}, {dir: "c", version: "16.1"}}
	for _, s := range []struct{ scenario, major, want string }{
		{"without a version the newest", "", "c"},
		{"18 is newer than 9", "15", "b"},
		{"none of that version", "17", ""},
	} {
		got, _ := newest(append([]programs(nil), all...), s.major)
		if got.dir != s.want {
			t.Errorf("%s: %q, want %q", s.scenario, got.dir, s.want)
		}
	}
}
