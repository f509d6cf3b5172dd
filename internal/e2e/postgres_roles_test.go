package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgres_roles_test.go: the roles of deploy/postgres do their work, over TLS, and nothing else.

// checkRoles holds: with the files of deploy/postgres as they stand, the owner migrates, the sink's role runs, looks and proves, and the operator's
// resets; what a role is not for is refused by PostgreSQL.
func checkRoles(s scene, own *lockedPostgres) {
	s.t.Helper()
	own.execute(s.t, "postgres", "CREATE DATABASE taxis")
	own.execute(s.t, "taxis", "CREATE TABLE public.others (n int)")
	playFile(s.t, connect(s.t, own.URLFor("taxis")), "roles.sql")
	for _, role := range []string{"ridesink_owner", "ridesink", "ridesink_operator"} {
		own.execute(s.t, "taxis", "ALTER ROLE "+role+" PASSWORD '"+own.password+"'")
	}
	owner, sink, operator := s.through(own.urlOf(s.t, "ridesink_owner")), s.through(own.urlOf(s.t, "ridesink")), s.through(own.urlOf(s.t, "ridesink_operator"))
	owner.start("migrate", "up").wantExit(0, time.Minute)
	playFile(s.t, owner.connect(), "grants.sql")
	playFile(s.t, owner.connect(), "grants.sql") // after each upgrade again

	sink.backfilled(4)
	sink.verified(0)
	for _, args := range [][]string{{"status"}, {"migrate", "version"}, {"deadletters", "list"}, {"reset", "--to", "10", "--dry-run"}} {
		sink.start(args...).wantExit(0, time.Minute)
	}
	if got := sink.reset(1, "--to", "10", "--yes"); !strings.Contains(got, "permission denied") {
		s.t.Errorf("a reset by the sink's role says %q", got)
	}
	if got := sink.deadletters(1, "drop", "--reason", "invalid_json", "--because", "no ride", "--yes"); !strings.Contains(got, "permission denied") {
		s.t.Errorf("a drop by the sink's role says %q", got)
	}
	operator.reset(0, "--to", "10", "--yes")
	operator.deadletters(0, "retry")
	sink.backfilled(4)
	operator.deadletters(0, "drop", "--reason", "invalid_json", "--because", "no ride", "--yes")
	sink.verified(0)
	if who := value[string](s.t, sink.connect(), "SELECT string_agg(DISTINCT who, ' ') FROM sink_events"); who != "ridesink_operator" {
		s.t.Errorf("sink_events names %q, want the operator's role", who)
	}
	checkForbidden(s.t, sink, operator)
}

// checkForbidden tries what no role but the owner's may do, and what the sink's may not.
func checkForbidden(t testing.TB, sink, operator scene) {
	t.Helper()
	everybody := []string{
		"CREATE TABLE more (n int)", "CREATE TABLE public.more (n int)", "CREATE TEMP TABLE more (n int)", "CREATE SCHEMA more", "CREATE VIEW more AS SELECT 1",
		"CREATE INDEX ON rides (vendor_id)", "ALTER TABLE rides ADD COLUMN more int", "DROP TABLE rides", "DROP VIEW sink_status", "COMMENT ON TABLE rides IS 'mine'",
		"TRUNCATE rides", "TRUNCATE sink_ledger", "TRUNCATE sink_dead_letters", "TRUNCATE sink_events", "DO $$ BEGIN LOCK TABLE sink_events IN ACCESS EXCLUSIVE MODE; END $$",
		"UPDATE sink_events SET reason = 'another'", "DELETE FROM sink_events", "INSERT INTO sink_events (event, who) VALUES ('reset', 'somebody')",
		"INSERT INTO sink_events (event, happened_at) VALUES ('reset', '2020-01-01')",
		"UPDATE sink_schema_migrations SET version = 1", "DELETE FROM sink_schema_migrations", "INSERT INTO sink_schema_migrations VALUES (9, false)",
		"SELECT * FROM public.others", "SELECT rolpassword FROM pg_authid", "COPY rides TO PROGRAM 'cat'", "COPY rides FROM '/etc/passwd'",
		"CREATE ROLE more", "GRANT SELECT ON rides TO PUBLIC", "SET ROLE ridesink_owner", "ALTER SYSTEM SET ssl = off",
	}
	stored := []string{
		"UPDATE rides SET vendor_id = 1", "DELETE FROM rides", "UPDATE sink_dead_letters SET reason = 'another'", "DELETE FROM sink_dead_letters", "DELETE FROM sink_ledger",
	}
	for role, forbidden := range map[*scene][]string{&sink: append(stored, everybody...), &operator: everybody} {
		conn := role.connect()
		for _, sql := range forbidden {
			_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
			var refused *pgconn.PgError
			// A GRANT without the right to it is a warning where the role has some other right.
			if strings.HasPrefix(sql, "GRANT") && err == nil {
				if value[bool](t, conn, "SELECT has_table_privilege('public', 'rides', 'SELECT')") {
					t.Errorf("%s: %s was granted", conn.Config().User, sql)
				}
				continue
			}
			if !errors.As(err, &refused) || refused.Code != "42501" {
				t.Errorf("%s: %s: %v, want permission denied (42501)", conn.Config().User, sql, err)
			}
		}
	}
}

// playFile runs a file of deploy/postgres, a statement at a time as psql does.
func playFile(t testing.TB, conn *pgx.Conn, name string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "deploy", "postgres", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), string(content), pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("deploy/postgres/%s: %v", name, err)
	}
}
