package e2e

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// operations_database_test.go: the parts of docs/operations.md that need a database or a role of their own (operations_test.go has the others).

// TestOperationsRestore holds: a database that was dumped while a sink wrote, and restored beside, is proven as it is, though Kafka was told more;
// a sink on it stores what came later.
func TestOperationsRestore(t *testing.T) {
	t.Parallel()
	shared := newScene(t, 2)
	s := shared.through(shared.ownDatabase("before"))
	s.start("migrate", "up").wantExit(0, time.Minute)
	sink, producer := s.underway()
	restored := s.through(shared.ownDatabase("after"))
	sink = s.backUpTo(restored, sink)
	s.settled(producer)
	s.synthetic(1000, 3).wantExit(0, longWait)
	s.waitForEnd(time.Minute)
	s.stopped(sink)

	restored.verified(0)
	behind := restored.countRides(restored.connect())
	restored.backfilled(0)
	restored.verified(0)
	if all := restored.countRides(restored.connect()); all != 105_000 || behind < 100_000 || behind >= all {
		t.Errorf("%d rides were restored, and there are %d with what came later; want 105000 of them, and fewer before", behind, all)
	}
}

// ownDatabase makes a database of this test's own and returns its URL, in which no schema is named.
func (s scene) ownDatabase(suffix string) string {
	s.t.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	name := strings.ReplaceAll(s.group, "-", "_")
	name = name[max(0, len(name)-50):] + "_" + suffix
	u.Path, u.RawQuery = "/"+name, ""
	s.exec("CREATE DATABASE " + pgx.Identifier{name}.Sanitize())
	s.afterwards("DROP DATABASE " + pgx.Identifier{name}.Sanitize() + " WITH (FORCE)")
	return u.String()
}

// afterwards does something at the end of the test, unless it failed.
func (s scene) afterwards(sql string) {
	s.t.Cleanup(func() {
		if s.t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), time.Minute)
		defer cancel()
		conn, err := pgx.Connect(ctx, s.url)
		if err != nil {
			s.t.Errorf("%s: %v", sql, err)
			return
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, sql); err != nil {
			s.t.Errorf("%s: %v", sql, err)
		}
	})
}

// backUpTo dumps the database and restores it as another, with the commands of the page, while the sink writes. Where pg_dump is missing or older than
// the server, PostgreSQL copies the files instead, for which nobody may be connected: the sink is stopped for that. It returns the one that runs.
func (s scene) backUpTo(other scene, sink *process) *process {
	s.t.Helper()
	blocks := operations(s.t)
	if s.canDump() {
		c := exec.CommandContext(s.t.Context(), "sh", "-ec", blocks["backup"]+blocks["restore"])
		c.Dir = s.t.TempDir()
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir, "DATABASE_URL=" + s.url, "RESTORED_URL=" + other.url}
		if out, err := c.CombinedOutput(); err != nil {
			s.t.Fatalf("docs/operations.md, backup and restore: %v: %s", err, out)
		}
		return sink
	}
	s.t.Log("pg_dump is missing or older than the server: the backup is a copy of the database's files")
	sink.signal(syscall.SIGTERM)
	sink.wantExit(0, stopBound)
	from, to := databaseOf(s.t, s.url), databaseOf(s.t, other.url)
	beside := connect(s.t, strings.Replace(s.url, "/"+from, "/postgres", 1))
	quoted := pgx.Identifier{from}.Sanitize()
	eventually(s.t, time.Minute, "a copy of the database that nobody is connected to", func() (bool, string) {
		for _, sql := range []string{
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + from + "'",
			"DROP DATABASE IF EXISTS " + pgx.Identifier{to}.Sanitize(),
			"CREATE DATABASE " + pgx.Identifier{to}.Sanitize() + " TEMPLATE " + quoted,
		} {
			if _, err := beside.Exec(s.t.Context(), sql); err != nil {
				return false, err.Error()
			}
		}
		return true, ""
	})
	return s.run()
}

// canDump says whether pg_dump is there and not older than the server.
func (s scene) canDump() bool {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), "pg_dump", "--version").Output()
	found := regexp.MustCompile(`(\d+)\.`).FindSubmatch(out)
	if err != nil || found == nil {
		return false
	}
	major, err := strconv.Atoi(string(found[1]))
	return err == nil && major >= value[int](s.t, s.connect(), "SELECT current_setting('server_version_num')::int / 10000")
}

func databaseOf(t testing.TB, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// TestOperationsRole holds: the rights that the page grants are enough for a sink, status and verify, and not for a reset; with the two that it names they are.
func TestOperationsRole(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	name := "role_of_" + s.topic()[max(0, len(s.topic())-40):]
	role := pgx.Identifier{name}.Sanitize()
	s.statements("role", strings.ReplaceAll(operations(t)["role"], "ridesink", role))
	s.afterwards("DROP OWNED BY " + role + "; DROP ROLE " + role)
	s.exec("GRANT USAGE ON SCHEMA " + pgx.Identifier{value[string](t, s.connect(), "SELECT current_schema()")}.Sanitize() + " TO " + role)
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "first")
	theirs := s.through(u.String())

	s.synthetic(1000, 1).wantExit(0, longWait)
	s.publishValues("no ride")
	theirs.backfilled(4)
	theirs.verified(0)
	theirs.start("status").wantExit(0, time.Minute)
	if got := theirs.reset(1, "--to", "10", "--yes"); !strings.Contains(got, "permission denied") {
		t.Errorf("a reset without the right says %q", got)
	}
	s.exec("GRANT UPDATE, DELETE ON rides, sink_dead_letters TO " + role)
	theirs.reset(0, "--to", "10", "--yes")
	theirs.backfilled(4)
	theirs.deadletters(0, "retry")
	theirs.verified(0)
}
