package e2e

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ridesink/internal/localenv"

	"github.com/jackc/pgx/v5"
)

// faulty_environment_test.go: what a user meets first. A wrong flag, a server that is not there: one clear line on stderr, the right exit
// code, soon.

// TestFaultyEnvironment holds: within 15 s the process ends with this exit code, and stderr is one line that begins with the program's
// name, says these words, and never the password.
func TestFaultyEnvironment(t *testing.T) {
	t.Parallel()
	const password = "canary-Pa55"
	closed, silent := closedPort(t), silentPort(t)
	shared := newScene(t, 1)
	for _, test := range []struct {
		scenario string
		change   func(t *testing.T, s *scene)
		env      []string
		flags    []string
		wantExit int
		wantText []string
	}{
		{scenario: "an unknown flag", flags: []string{"--broker=x"}, wantExit: 2, wantText: []string{"--broker"}},
		{scenario: "a stray argument", flags: []string{"rides"}, wantExit: 2, wantText: []string{"rides"}},
		{scenario: "a start that is none", flags: []string{"--start=yesterday"}, wantExit: 2, wantText: []string{"--start", "yesterday"}},
		{scenario: "an answer to data loss that is none", flags: []string{"--on-data-loss=ignore"}, wantExit: 2, wantText: []string{"--on-data-loss", "skip"}},
		{scenario: "timeouts that do not fit each other", flags: []string{"--session-timeout=6s", "--drain-timeout=20s"}, wantExit: 2, wantText: []string{"--drain-timeout", "--session-timeout"}},
		{scenario: "a duration that is none", flags: []string{"--session-timeout=soon"}, wantExit: 2, wantText: []string{"--session-timeout"}},
		{scenario: "an empty list of topics", env: []string{"KAFKA_TOPICS="}, flags: []string{"--topics="}, wantExit: 2, wantText: []string{"--topics"}},
		{
			scenario: "a database URL that is none", env: []string{"DATABASE_URL=postgres://user:" + password + "@[half"}, wantExit: 2, wantText: []string{"--database-url"},
		},
		{
			scenario: "a secret given twice", env: []string{"DATABASE_URL_FILE=" + secretFile(t, "postgres://user:"+password+"@127.0.0.1/db")}, wantExit: 2,
			wantText: []string{"DATABASE_URL", "DATABASE_URL_FILE"},
		},
		{
			scenario: "no broker", change: func(_ *testing.T, s *scene) { s.brokers = []string{closed} }, wantExit: 3, wantText: []string{closed, "broker"},
		},
		{
			scenario: "a broker that accepts and never answers", change: func(_ *testing.T, s *scene) { s.brokers = []string{silent} }, wantExit: 3, wantText: []string{silent},
		},
		{
			scenario: "no database", change: func(t *testing.T, s *scene) { s.url = withAddress(t, s.url, closed) }, wantExit: 3, wantText: []string{closed, "PostgreSQL"},
		},
		{
			scenario: "a database that accepts and never answers", change: func(t *testing.T, s *scene) { s.url = withAddress(t, s.url, silent) }, wantExit: 3,
			wantText: []string{silent, "PostgreSQL"},
		},
		{
			scenario: "a wrong password", change: func(t *testing.T, s *scene) { s.url = wrongPassword(t, s.url, password) }, wantExit: 3, wantText: []string{"password"},
		},
		{
			scenario: "a database that does not exist", change: func(t *testing.T, s *scene) { s.url = databaseNamed(t, s.url, "nowhere") }, wantExit: 3, wantText: []string{"nowhere"},
		},
		{
			scenario: "a topic that does not exist", change: func(_ *testing.T, s *scene) { s.topics = []string{"no-such-topic"} }, wantExit: 3, wantText: []string{"no-such-topic"},
		},
		{
			scenario: "a second topic that does not exist", change: func(_ *testing.T, s *scene) { s.topics = []string{s.topic(), "no-such-topic"} }, wantExit: 3,
			wantText: []string{"no-such-topic"},
		},
		{
			scenario: "tables that are missing", change: func(t *testing.T, s *scene) { s.url = localenv.Database(t) }, wantExit: 3, wantText: []string{"sink migrate up"},
		},
		{
			scenario: "tables that are older than the binary", change: func(t *testing.T, s *scene) { s.url = olderTables(t, *s) }, wantExit: 3, wantText: []string{"sink migrate up"},
		},
		{
			scenario: "a group without commits and --start committed", flags: []string{"--start=committed"}, wantExit: 2, wantText: []string{"--start"},
		},
	} {
		for _, command := range []string{"backfill", "run"} {
			t.Run(command+" with "+test.scenario, func(t *testing.T) {
				t.Parallel()
				s := shared
				s.t = t
				if test.change != nil {
					test.change(t, &s)
				}
				began := time.Now()
				p := start(t, append(s.environment(), test.env...), append([]string{command}, test.flags...)...)
				p.wantExit(test.wantExit, 15*time.Second)
				checkOneLine(t, p, test.wantText)
				if strings.Contains(p.stderr.String()+p.stdout.String(), password) {
					t.Errorf("the password is printed: %s", p.stderr.String())
				}
				t.Logf("%.1f s: %s", time.Since(began).Seconds(), p.stderr.String())
			})
		}
	}
}

// TestFaultyCommands holds the same for the other commands.
func TestFaultyCommands(t *testing.T) {
	t.Parallel()
	closed := closedPort(t)
	missing := filepath.Join(t.TempDir(), "no-such-file.csv")
	notRides := secretFile(t, "a,b\n1,2\n")
	for _, test := range []struct {
		command  string
		args     []string
		wantExit int
		wantText []string
	}{
		{command: "nothing", args: nil, wantExit: 2, wantText: []string{"backfill"}},
		{command: "a command that is none", args: []string{"backfil"}, wantExit: 2, wantText: []string{"backfil"}},
		{command: "migrate nowhere", args: []string{"migrate", "sideways"}, wantExit: 2, wantText: []string{"sideways"}},
		{
			command: "migrate without a database", args: []string{"migrate", "up", "--database-url=postgres://u@" + closed + "/d"}, wantExit: 3,
			wantText: []string{closed, "PostgreSQL"},
		},
		{
			command: "produce without a broker", args: []string{"produce", "--brokers=" + closed, "--synthetic=10"}, wantExit: 3, wantText: []string{closed, "broker"},
		},
		{command: "produce in a dialect that is none", args: []string{"produce", "--dialect=klingon", "--synthetic=10"}, wantExit: 2, wantText: []string{"klingon", "tlc"}},
		{command: "produce of a file that is missing", args: []string{"produce", missing}, wantExit: 2, wantText: []string{missing}},
		{command: "produce of a file without rides", args: []string{"produce", "--brokers=" + closed, "--input-format=csv", notRides}, wantExit: 2, wantText: []string{notRides}},
		{command: "produce of nothing", args: []string{"produce"}, wantExit: 2, wantText: []string{"--synthetic"}},
		{command: "healthcheck where no sink is", args: []string{"healthcheck", "--http-addr=" + closed}, wantExit: 1, wantText: []string{closed}},
	} {
		t.Run(test.command, func(t *testing.T) {
			t.Parallel()
			p := start(t, nil, test.args...)
			p.wantExit(test.wantExit, 15*time.Second)
			checkOneLine(t, p, test.wantText)
		})
	}
}

// checkOneLine fails the test unless stderr is one line for a person, with all of the words in it.
func checkOneLine(t *testing.T, p *process, words []string) {
	t.Helper()
	text := strings.TrimSuffix(p.stderr.String(), "\n")
	if strings.Contains(text, "\n") || !strings.HasPrefix(text, "sink: ") {
		t.Errorf("stderr is not one line that begins with \"sink: \":\n%s", text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("stderr does not say %q: %s", word, text)
		}
	}
	if p.stdout.String() != "" {
		t.Errorf("stdout is not empty: %s", p.stdout.String())
	}
}

// closedPort is an address where nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// silentPort is an address where connections are taken and nothing is ever said.
func silentPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func secretFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wrongPassword makes a role with a password and returns a URL of it with another.
func wrongPassword(t *testing.T, databaseURL, wrong string) string {
	t.Helper()
	conn := connect(t, databaseURL)
	role := "role_" + value[string](t, conn, "SELECT md5(random()::text)")
	if _, err := conn.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'right'"); err != nil {
		t.Fatalf("create a role: %v", err)
	}
	t.Cleanup(func() { dropRole(t, databaseURL, role) })
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, wrong)
	return u.String()
}

func dropRole(t testing.TB, databaseURL, role string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, databaseURL)
	if err == nil {
		_, err = conn.Exec(ctx, "DROP ROLE "+role)
		_ = conn.Close(ctx)
	}
	if err != nil {
		t.Errorf("drop role %s: %v", role, err)
	}
}

func databaseNamed(t testing.TB, databaseURL, name string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// olderTables makes tables and takes the newest migration back.
func olderTables(t *testing.T, s scene) string {
	t.Helper()
	s.t = t
	s.url = localenv.Database(t)
	s.start("migrate", "up").wantExit(0, 30*time.Second)
	s.start("migrate", "down", "--steps=1").wantExit(0, 30*time.Second)
	return s.url
}

// TestSecretFromFile holds: DATABASE_URL_FILE does what DATABASE_URL does.
func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := s.publishRides(10, 1, writeMixed)
	env := s.environment()
	env[len(env)-1] = "DATABASE_URL_FILE=" + secretFile(t, s.url+"\n")
	start(t, env, "backfill").wantExit(0, time.Minute)
	s.checkStored(records)
}
