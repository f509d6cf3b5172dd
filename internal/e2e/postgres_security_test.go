package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ridesink/internal/localenv"

	"github.com/jackc/pgx/v5"
)

// postgres_security_test.go: a PostgreSQL that wants TLS and passwords, with the roles of deploy/postgres, under every command. What each role may do is in
// postgres_roles_test.go, what a pooler between does in postgres_pooler_test.go; all share one server.

// TestPostgresSecurity holds what docs/postgres-security.md promises.
func TestPostgresSecurity(t *testing.T) {
	t.Parallel()
	own := newLockedPostgres(t)
	shared := newScene(t, 2)
	shared.synthetic(1000, 1).wantExit(0, longWait)
	shared.publishValues("no ride")
	t.Run("roles and TLS", func(t *testing.T) {
		t.Parallel()
		s := shared
		s.t = t
		checkRoles(s, own)
		t.Run("refused", func(t *testing.T) { checkRefused(t, s, own) })
		t.Run("files", func(t *testing.T) { checkFiles(t, s, own) })
		t.Run("while it runs", func(t *testing.T) { checkWhileRunning(t, s, own) })
	})
	t.Run("pooler", func(t *testing.T) { checkPooler(t, shared, own) })
}

// lockedPostgres is a server of which only the superuser is served without TLS.
type lockedPostgres struct {
	*localenv.Postgres
	authority *localenv.Authority
	password  string // of every role but the superuser
}

// everybody but the superuser needs TLS; one role a certificate too.
const lockedAccess = `host all postgres 127.0.0.1/32 scram-sha-256
hostssl all certified samehost scram-sha-256 clientcert=verify-full
hostssl all all samehost scram-sha-256
`

func newLockedPostgres(t *testing.T) *lockedPostgres {
	t.Helper()
	server := ownPostgres(t, map[string]string{"listen_addresses": "127.0.0.1,127.0.0.2"})
	authority, err := localenv.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &lockedPostgres{Postgres: server, authority: authority, password: "first"}
	p.place(t, "pg_hba.conf", []byte(lockedAccess))
	ca, err := os.ReadFile(authority.CA())
	if err != nil {
		t.Fatal(err)
	}
	p.place(t, "ca.pem", ca)
	p.serve(t, authority, time.Hour)
	return p
}

// place puts a file into the server's directory, as the server's account.
func (p *lockedPostgres) place(t *testing.T, name string, content []byte) {
	t.Helper()
	data := filepath.Join(p.Dir(), "data")
	path := filepath.Join(data, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}

// serve gives the server a certificate that ends after a time, and returns when it shows it.
func (p *lockedPostgres) serve(t *testing.T, authority *localenv.Authority, valid time.Duration) {
	t.Helper()
	path, err := authority.Issue("server", time.Now().Add(valid))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(path, path)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p.place(t, "server.pem", content)
	p.execute(t, "postgres", "ALTER SYSTEM SET ssl_cert_file = 'server.pem'", "ALTER SYSTEM SET ssl_key_file = 'server.pem'",
		"ALTER SYSTEM SET ssl_ca_file = 'ca.pem'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
	eventually(t, time.Minute, "the server to show its new certificate", func() (bool, string) {
		config, err := pgx.ParseConfig(withParameter(t, p.URL(), "sslmode", "require"))
		if err != nil {
			return false, err.Error()
		}
		shown := ""
		config.TLSConfig.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			shown = string(raw[0])
			return nil
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return shown == string(pair.Certificate[0]), fmt.Sprint(err)
	})
}

// execute does something as superuser, a statement at a time.
func (p *lockedPostgres) execute(t testing.TB, database string, statements ...string) {
	t.Helper()
	conn := connect(t, p.URLFor(database))
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// urlOf is how a role connects to the database taxis by verify-full; parameters replace or add others.
func (p *lockedPostgres) urlOf(t testing.TB, role string, parameters ...string) string {
	t.Helper()
	u, err := url.Parse(p.URLFor("taxis"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, p.password)
	query := url.Values{"sslmode": {"verify-full"}, "sslrootcert": {p.authority.CA()}}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// checkRefused holds: what is wrong with a login or a certificate is one line, and exit code 3.
func checkRefused(t *testing.T, s scene, own *lockedPostgres) {
	other, err := localenv.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own.execute(t, "taxis", "CREATE ROLE certified LOGIN PASSWORD '"+own.password+"' IN ROLE ridesink", "ALTER ROLE certified SET search_path = ridesink",
		"GRANT CONNECT ON DATABASE taxis TO certified")
	ours, theirs := keyPair(t, own.authority, "certified"), keyPair(t, other, "certified")
	elsewhere := strings.Replace(own.urlOf(t, "ridesink"), "127.0.0.1", "127.0.0.2", 1)
	for _, c := range []struct {
		scenario, url string
		says          string // empty: it works
	}{
		{"a wrong CA", own.urlOf(t, "ridesink", "sslrootcert", other.CA()), "signed by nobody who is trusted here"},
		{"a wrong CA, without the name", own.urlOf(t, "ridesink", "sslrootcert", other.CA(), "sslmode", "verify-ca"), "signed by nobody who is trusted here"},
		{"require with a CA looks at it", own.urlOf(t, "ridesink", "sslrootcert", other.CA(), "sslmode", "require"), "signed by nobody who is trusted here"},
		{"another host", elsewhere, "is for another host"},
		{"another host, and the name is not looked at", strings.Replace(elsewhere, "verify-full", "verify-ca", 1), ""},
		{"prefer looks at nothing", own.urlOf(t, "ridesink", "sslmode", "prefer", "sslrootcert", other.CA()), ""},
		{"allow begins without TLS and goes on with it", own.urlOf(t, "ridesink", "sslmode", "allow"), ""},
		{"no TLS where it is needed", own.urlOf(t, "ridesink", "sslmode", "disable"), "may want TLS (sslmode)"},
		{"a wrong password", strings.Replace(own.urlOf(t, "ridesink"), ":"+own.password+"@", ":wrong@", 1), "check user and password"},
		{"no client certificate", own.urlOf(t, "certified"), "a client certificate (sslcert and sslkey)"},
		{"a client certificate", own.urlOf(t, "certified", "sslcert", ours.cert, "sslkey", ours.key), ""},
		{"a client certificate of somebody else", own.urlOf(t, "certified", "sslcert", theirs.cert, "sslkey", theirs.key), "ends the TLS connection"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			mine := s.through(c.url)
			mine.t = t
			checkLine(t, mine.start("verify", "--quiet"), c.says)
			if c.says != "" {
				checkLine(t, mine.start("migrate", "up"), c.says)
			}
		})
	}
}

// checkLine waits for a command that says this in one line and exits with 3, or works.
func checkLine(t *testing.T, p *process, says string) {
	t.Helper()
	if says == "" {
		p.wantExit(0, time.Minute)
		return
	}
	p.wantExit(3, time.Minute)
	checkOneLine(t, p, []string{says})
}

// pemFiles are a certificate and its key, in a file each.
type pemFiles struct{ cert, key string }

func keyPair(t *testing.T, authority *localenv.Authority, name string) pemFiles {
	t.Helper()
	path, err := authority.Issue(name, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(string(content), "-----BEGIN PRIVATE KEY-----")
	return pemFiles{cert: path, key: secretFile(t, "-----BEGIN PRIVATE KEY-----"+key)}
}

// checkFiles holds: password, service and certificates come from the files that libpq looks for, in the home directory or where variables say.
func checkFiles(t *testing.T, s scene, own *lockedPostgres) {
	config := connect(t, own.URLFor("taxis")).Config()
	at := fmt.Sprintf("%s:%d:taxis:ridesink:%s\n", config.Host, config.Port, own.password)
	service := fmt.Sprintf("[taxis]\nhost=%s\nport=%d\ndbname=taxis\nuser=ridesink\nsslmode=verify-full\n", config.Host, config.Port)
	ca, err := os.ReadFile(own.authority.CA())
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".postgresql"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{".pgpass": at, ".pg_service.conf": service, ".postgresql/root.crt": string(ca)} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mine := s
	mine.t = t
	for way, env := range map[string][]string{
		"at home": {"HOME=" + home, "PGSERVICE=taxis"},
		"named":   {"PGPASSFILE=" + secretFile(t, at), "PGSERVICEFILE=" + secretFile(t, service), "PGSERVICE=taxis", "PGSSLROOTCERT=" + own.authority.CA()},
		"a URL without a password": {
			"DATABASE_URL=" + strings.Replace(own.urlOf(t, "ridesink"), ":"+own.password+"@", "@", 1), "PGPASSFILE=" + secretFile(t, at),
		},
	} {
		p := start(t, append(mine.environmentWithout(), env...), "verify", "--quiet")
		if got := p.wait(time.Minute); got != 0 {
			t.Errorf("%s: exit code %d: %s", way, got, p.stderr.String())
		}
	}
	broken := mine.through(own.urlOf(t, "ridesink", "sslrootcert", secretFile(t, "no certificate"))).start("status")
	broken.wantExit(2, time.Minute)
	checkOneLine(t, broken, []string{"PEM"})
	missing := mine.through(own.urlOf(t, "ridesink", "sslrootcert", filepath.Join(home, "none"))).start("status")
	missing.wantExit(2, time.Minute)
	checkOneLine(t, missing, []string{filepath.Join(home, "none"), "no such file"})
}

// checkWhileRunning holds: a certificate that expires and a password that is changed under a running sink are waited for and shown; when the server
// has a good certificate again, or the file a good password, it goes on without a restart.
func checkWhileRunning(t *testing.T, s scene, own *lockedPostgres) {
	file := filepath.Join(t.TempDir(), "url")
	write := func(url string) {
		if err := os.WriteFile(file, []byte(url+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mine := s.through(own.URLFor("taxis") + "?search_path=ridesink") // as the superuser, to look
	mine.t = t
	again := own.urlOf(t, "ridesink")
	write(again)
	p := start(t, append(mine.environmentWithout(), "DATABASE_URL_FILE="+file), append([]string{"run"}, hasty()...)...)
	eventually(t, longWait, "the sink to run", func() (bool, string) { return p.logged("assigned"), tail(p.stderr.String()) })
	cut := "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'ridesink'"
	outage := func(what string) {
		t.Helper()
		own.execute(t, "taxis", cut)
		mine.synthetic(50, 9).wantExit(0, longWait)
		eventually(t, longWait, "the outage to be shown", func() (bool, string) { return strings.Contains(p.stderr.String(), what), tail(p.stderr.String()) })
		if !p.running() {
			t.Fatal("the sink gave up")
		}
	}

	own.serve(t, own.authority, -time.Minute)
	outage("certificate has expired")
	checkLine(t, mine.through(again).start("verify", "--quiet"), "has expired or is not valid yet")
	own.serve(t, own.authority, time.Hour)
	mine.waitForEnd(longWait)

	own.execute(t, "taxis", "ALTER ROLE ridesink PASSWORD 'second'")
	outage("password authentication failed")
	write(strings.Replace(again, ":"+own.password+"@", ":second@", 1))
	mine.waitForEnd(longWait)
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	mine.verified(0)
}
