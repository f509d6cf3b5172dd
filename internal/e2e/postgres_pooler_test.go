package e2e

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"ridesink/internal/localenv"
)

// postgres_pooler_test.go: a PgBouncer between the sink and PostgreSQL.

// ignored are the settings of our sessions that a PgBouncer refuses as it comes.
const ignored = "ignore_startup_parameters = lock_timeout,idle_in_transaction_session_timeout,tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count,extra_float_digits"

// checkPooler holds: with pool_mode=session everything works, and sessions have their settings though the pooler drops them; a pool that gives each
// transaction another session is refused by every command, with one line and exit code 3, before anything is written; so is one that refuses settings.
func checkPooler(t *testing.T, shared scene, own *lockedPostgres) {
	own.execute(t, "postgres", "CREATE DATABASE pooled")
	for _, c := range []struct {
		scenario string
		settings []string
		says     string // empty: it works
	}{
		{"session", []string{"pool_mode = session", ignored}, ""},
		{"session, as it comes", []string{"pool_mode = session"}, "refuses the settings of the sink's sessions"},
		{"transaction", []string{"pool_mode = transaction", ignored}, "another session"},
		{"transaction, a single session", []string{"pool_mode = transaction", "default_pool_size = 1", ignored}, "another session"},
		{"transaction, in turn", []string{"pool_mode = transaction", "server_round_robin = 1", ignored}, "another session"},
		{"statement", []string{"pool_mode = statement", ignored}, "another session"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			pooler, err := localenv.StartPgBouncer(t.Context(), own.URL(), c.settings...)
			if errors.Is(err, localenv.ErrNoPgBouncer) && !localenv.InCI() {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := pooler.Stop(); err != nil {
					t.Error(err)
				}
			})
			s := shared.through(pooler.URLFor(own.URLFor("pooled")))
			s.t = t
			if c.says == "" {
				s.checkThroughPooler(own)
				return
			}
			for _, args := range [][]string{{"migrate", "up"}, {"backfill", "--migrate"}, {"run"}, {"status"}, {"verify"}, {"reset", "--to=earliest", "--yes"}, {"deadletters", "list"}} {
				checkLine(t, s.start(args...), c.says)
			}
		})
	}
}

// checkThroughPooler moves rides through a pooler in session mode, and looks at the settings that a session of the sink has.
func (s scene) checkThroughPooler(own *lockedPostgres) {
	s.t.Helper()
	s.start("migrate", "up").wantExit(0, time.Minute)
	s.backfilled(4)
	s.verified(0)
	s.start("status").wantExit(0, time.Minute)
	s.reset(0, "--to", "10", "--yes")
	s.deadletters(0, "retry")
	s.exec(`CREATE TABLE seen AS SELECT '' AS settings;
		CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			UPDATE seen SET settings = concat_ws(' ', current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'));
			RETURN NULL; END $$;
		CREATE TRIGGER look AFTER INSERT ON rides EXECUTE FUNCTION look()`)
	p := s.run()
	s.waitForEnd(longWait)
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	s.verified(0)
	if got := value[string](s.t, connect(s.t, own.URLFor("pooled")), "SELECT settings FROM seen"); !strings.Contains(got, "5s 10s") {
		s.t.Errorf("a session of the sink has the limits %q, want 5s 10s", got)
	}
}
