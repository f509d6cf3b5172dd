package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// canary_test.go: nothing that the sink shows holds a secret: logs at the lowest level, pages, metrics, errors, help, the trace of a crash.

// canary is a secret that is easy to find. Between its signs are runs of letters and digits, which every way of quoting and escaping leaves as
// they are: one of them is enough to be found.
const (
	canaryHead, canaryTail = "kanarienvogel7", "q9geheimnisvoll"
	canary                 = canaryHead + ` p@ss:w/?#&=%'"\` + canaryTail
	canaryToken            = "tokenkanarie3" + canaryTail
)

// betrays returns what of the secrets is in text, with its surroundings; "" if nothing is.
func betrays(text string) string {
	needles := []string{canaryHead, canaryTail, "tokenkanarie3"}
	for _, secret := range []string{canary, canaryToken} {
		for shift := range 3 { // base64 of a secret behind something else
			encoded := base64.StdEncoding.EncodeToString([]byte("xxx"[:shift] + secret))
			needles = append(needles, encoded[4:len(encoded)-4], encoded[4:16])
		}
	}
	lower := strings.ToLower(text)
	for _, needle := range needles {
		if at := strings.Index(text, needle); at >= 0 {
			return text[max(0, at-80):min(len(text), at+len(needle)+20)]
		}
		if at := strings.Index(lower, strings.ToLower(needle)); at >= 0 && needle == strings.ToLower(needle) {
			return text[max(0, at-80):min(len(text), at+len(needle)+20)]
		}
	}
	return ""
}

func (p *process) checkKeepsSecrets() {
	p.t.Helper()
	for where, text := range map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String()} {
		if shown := betrays(text); shown != "" {
			p.t.Errorf("%s shows the secret on %s: ...%s...", strings.Fields(p.name)[:min(2, len(strings.Fields(p.name)))], where, shown)
		}
	}
}

// TestCanaryIsFound holds: what looks for the secret finds it, however it is written.
func TestCanaryIsFound(t *testing.T) {
	t.Parallel()
	for _, written := range []string{
		canary, canaryToken, url.QueryEscape(canary), url.PathEscape(canary), url.UserPassword("u", canary).String(), fmt.Sprintf("%q", canary),
		strings.ToUpper(canary), base64.StdEncoding.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte("user:" + canary)),
		base64.StdEncoding.EncodeToString([]byte("u:" + canaryToken)), canary[:20], canary[25:],
	} {
		if betrays("a "+written+" b") == "" {
			t.Errorf("it is not found in %s", written)
		}
	}
	if found := betrays("nothing at all, kanarien and geheim apart"); found != "" {
		t.Errorf("it is found where it is not: %s", found)
	}
}

// secretLogin is one who may log in with the canary alone, and whose tables are the scene's.
type secretLogin struct{ role, host, port, database string }

func newSecretLogin(s scene) secretLogin {
	s.t.Helper()
	conn := s.connect()
	config := conn.Config()
	login := secretLogin{
		role: "role_" + value[string](s.t, conn, "SELECT md5(random()::text)"), host: config.Host, port: fmt.Sprint(config.Port), database: config.Database,
	}
	// A superuser owns nothing here and may change everything; the path stands for the schema, so that no way of naming a database needs one.
	s.exec("CREATE ROLE " + login.role + " SUPERUSER LOGIN PASSWORD '" + strings.ReplaceAll(canary, "'", "''") + "'")
	s.t.Cleanup(func() { dropRole(s.t, s.url, login.role) })
	s.exec("ALTER ROLE " + login.role + " SET search_path = " + pgx.Identifier{value[string](s.t, conn, "SELECT current_schema()")}.Sanitize())
	return login
}

func (l secretLogin) url() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(l.role, canary), Host: net.JoinHostPort(l.host, l.port), Path: l.database}
	return u.String()
}

func (l secretLogin) keyValues() string {
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(canary)
	return fmt.Sprintf("host=%s port=%s user=%s dbname=%s password='%s'", l.host, l.port, l.role, l.database, quoted)
}

func (l secretLogin) variables() []string {
	return []string{"PGHOST=" + l.host, "PGPORT=" + l.port, "PGUSER=" + l.role, "PGDATABASE=" + l.database}
}

// ways are all ways to tell the sink a password.
func (l secretLogin) ways(t *testing.T) map[string][]string {
	passFile := secretFile(t, fmt.Sprintf("%s:%s:%s:%s:%s\n", l.host, l.port, l.database, l.role, strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(canary)))
	return map[string][]string{
		"DATABASE_URL":                 {"DATABASE_URL=" + l.url()},
		"DATABASE_URL as key=value":    {"DATABASE_URL=" + l.keyValues()},
		"DATABASE_URL_FILE":            {"DATABASE_URL_FILE=" + secretFile(t, l.url()+"\n")},
		"PGPASSWORD":                   append(l.variables(), "PGPASSWORD="+canary),
		"PGPASSFILE":                   append(l.variables(), "PGPASSFILE="+passFile),
		"PGPASSWORD beside half a URL": {"DATABASE_URL=" + strings.Replace(l.url(), url.UserPassword("", canary).String(), "", 1), "PGPASSWORD=" + canary},
	}
}

// environmentWithout is the scene's, but for the database.
func (s scene) environmentWithout() []string {
	return []string{"KAFKA_BROKERS=" + strings.Join(s.brokers, ","), "KAFKA_TOPICS=" + strings.Join(s.topics, ","), "KAFKA_GROUP_ID=" + s.group, "LOG_LEVEL=debug"}
}

// TestCanary holds: a sink that runs, loses PostgreSQL, finds it again and is made to print all its goroutines shows no secret, on no page, to
// nobody, in either format of its log.
func TestCanary(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "text"} {
		t.Run("logs as "+format, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			login := newSecretLogin(s)
			relay := startRelay(t, s.url, nil, 0)
			s.publishRides(100, 2, writeMixed)
			address := closedPort(t)
			env := append(s.environmentWithout(), "DATABASE_URL="+relay.url(login.url()), "HTTP_ADDR="+address, "HTTP_TOKEN="+canaryToken, "HTTP_SHOW_VALUES=true", "LOG_FORMAT="+format)
			p := start(t, env, append([]string{"run"}, hasty()...)...)
			s.waitForEnd(time.Minute)
			s.checkPages(address, http.StatusOK)
			start(t, env, "healthcheck").wait(10 * time.Second)

			relay.close()
			s.publishRides(10, 2, writeMixed)
			eventually(t, 30*time.Second, "/readyz to say no while PostgreSQL is away", func() (bool, string) {
				status, body := ask(t, address, "/readyz", canaryToken)
				return status == http.StatusServiceUnavailable, body
			})
			s.checkPages(address, http.StatusServiceUnavailable)
			healthcheck := start(t, env, "healthcheck")
			healthcheck.wantExit(1, 10*time.Second)
			healthcheck.checkKeepsSecrets()

			if format == "json" { // the trace of a crash
				p.signal(syscall.SIGQUIT)
				if p.wait(stopBound); !strings.Contains(p.stderr.String(), "goroutine ") {
					t.Errorf("SIGQUIT prints no goroutines: %s", tail(p.stderr.String()))
				}
			} else {
				p.signal(syscall.SIGTERM)
				p.wait(stopBound)
			}
			p.checkKeepsSecrets()
			if !strings.Contains(p.stderr.String(), "outage") {
				t.Errorf("the log says nothing of the outage: %s", tail(p.stderr.String()))
			}
		})
	}
}

// checkPages asks for every path, with the token, with a wrong one and without. ready is what /readyz must answer.
func (s scene) checkPages(address string, ready int) {
	s.t.Helper()
	for _, path := range []string{"/", "/?x=1", "/healthz", "/readyz", "/metrics", "/status", "/config", "/debug/pprof/", "/debug/vars", "/nowhere"} {
		for _, token := range []string{canaryToken, "wrong-but-long-enough", ""} {
			status, shown := ask(s.t, address, path, token)
			if status == 0 || path == "/readyz" && status != ready || path == "/metrics" && (status == http.StatusOK) != (token == canaryToken) {
				s.t.Errorf("%s answers %d with token %q: %s", path, status, token, tail(shown))
			}
			if leaked := betrays(shown); leaked != "" {
				s.t.Errorf("%s shows the secret: ...%s...", path, leaked)
			}
		}
	}
}

// ask returns the status of an answer, and all of its header and body.
func ask(t testing.TB, address, path, token string) (status int, shown string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, fmt.Sprint(response.Header, "\n", string(content))
}

// commandsOfDatabase are the commands that log in to PostgreSQL, each as it changes nothing that matters to another.
func commandsOfDatabase() [][]string {
	return [][]string{
		{"migrate", "version"},
		{"migrate", "up"},
		{"backfill", "--quiet"},
		{"status", "--rate-over=0s"},
		{"status", "--rate-over=0s", "--json"},
		{"verify"},
		{"reset", "--to=earliest", "--dry-run"},
		{"deadletters", "list"},
		{"deadletters", "retry"},
		{"run"},
	}
}

// TestCanaryInCommands holds: every command, told the password in every way, does its work and does not show it.
func TestCanaryInCommands(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	login := newSecretLogin(s)
	s.publishRides(20, 1, writeMixed)
	for way, env := range login.ways(t) {
		for _, args := range commandsOfDatabase() {
			if args[0] == "run" || args[0] == "reset" && way != "DATABASE_URL" {
				continue // TestCanary runs
			}
			p := start(t, append(s.environmentWithout(), env...), args...)
			p.wantExit(0, time.Minute)
			p.checkKeepsSecrets()
		}
	}
	flag := start(t, s.environmentWithout(), "status", "--rate-over=0s", "--database-url="+login.url())
	flag.wantExit(0, time.Minute)
	flag.checkKeepsSecrets()
	env := append(s.environmentWithout(), "DATABASE_URL="+login.url(), "HTTP_TOKEN="+canaryToken)
	for _, args := range [][]string{
		{"--help"},
		{"version"},
		{"run", "--help"},
		{"backfill", "--help"},
		{"migrate", "--help"},
		{"verify", "--help"},
		{"status", "--help"},
		{"healthcheck", "--help"},
		{"peek", "--limit=1"},
		{"produce", "--help"},
	} {
		p := start(t, env, args...)
		p.wantExit(0, 30*time.Second)
		p.checkKeepsSecrets()
	}
}

// TestCanaryInErrors holds: whatever is wrong with the login, no command shows the password, or what it takes the password for.
func TestCanaryInErrors(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	login := newSecretLogin(s)
	wrong := func(change func(*secretLogin)) string {
		l := login
		change(&l)
		return l.url()
	}
	closedHost, closedAt, err := net.SplitHostPort(closedPort(t))
	if err != nil {
		t.Fatal(err)
	}
	server := net.JoinHostPort(login.host, login.port)
	broken := "postgres://" + login.role + ":" + canary + "@" + server + "/" + login.database // signs that should be percent-encoded
	for scenario, env := range map[string][]string{
		"a wrong password":            {"DATABASE_URL=" + strings.Replace(login.url(), "kanarienvogel7", "kanarienvogel7x", 1)},
		"a wrong user":                {"DATABASE_URL=" + wrong(func(l *secretLogin) { l.role = "nobody_" + login.role })},
		"a wrong database":            {"DATABASE_URL=" + wrong(func(l *secretLogin) { l.database = "nowhere" })},
		"nobody listens":              {"DATABASE_URL=" + wrong(func(l *secretLogin) { l.host, l.port = closedHost, closedAt })},
		"a host that does not exist":  {"DATABASE_URL=" + wrong(func(l *secretLogin) { l.host = "no-such-host.invalid" })},
		"a server without TLS":        {"DATABASE_URL=" + login.url() + "?sslmode=require"},
		"a certificate is missing":    {"DATABASE_URL=" + login.url() + "?sslmode=verify-full&sslrootcert=" + filepath.Join(t.TempDir(), "none.pem")},
		"a setting that is none":      {"DATABASE_URL=" + login.url() + "?no_such_setting=1"},
		"an sslmode that is none":     {"DATABASE_URL=" + login.url() + "?sslmode=banana"},
		"a timeout that is none":      {"DATABASE_URL=" + login.url() + "?connect_timeout=soon"},
		"a URL that is not encoded":   {"DATABASE_URL=" + broken},
		"a slash in the password":     {"DATABASE_URL=postgres://u:" + canaryHead + "/" + canaryTail + "@" + server + "/d"},
		"a hash in the password":      {"DATABASE_URL=postgres://u:" + canaryHead + "#" + canaryTail + "@" + server + "/d"},
		"a question mark in it":       {"DATABASE_URL=postgres://u:" + canaryHead + "?" + canaryTail + "@" + server + "/d"},
		"a URL cut off":               {"DATABASE_URL=postgres://u:" + canaryHead + "@["},
		"another kind of URL":         {"DATABASE_URL=jdbc:postgresql://u:" + canaryHead + "@" + server + "/d"},
		"a blank in a value":          {"DATABASE_URL=host=" + login.host + " password=" + canaryHead + " " + canaryTail + " user=u"},
		"a quote that does not end":   {"DATABASE_URL=host=" + login.host + " user=u password='" + canaryHead},
		"the secret alone":            {"DATABASE_URL=" + canary},
		"a file with a broken URL":    {"DATABASE_URL_FILE=" + secretFile(t, broken)},
		"a file with two lines":       {"DATABASE_URL_FILE=" + secretFile(t, login.url()+"\n"+login.url()+"\n")},
		"a variable and a file":       {"DATABASE_URL=" + login.url(), "DATABASE_URL_FILE=" + secretFile(t, login.url())},
		"PGPASSWORD that is wrong":    append(login.variables(), "PGPASSWORD="+canary+"x"),
		"PGPORT that is none":         append(login.variables(), "PGPASSWORD="+canary, "PGPORT=many"),
		"PGPASSWORD for another host": {"PGHOST=" + closedHost, "PGPORT=" + closedAt, "PGUSER=u", "PGPASSWORD=" + canary},
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			for _, args := range commandsOfDatabase() {
				p := start(t, append(s.environmentWithout(), env...), args...)
				if code := p.wait(30 * time.Second); code != 2 && code != 3 {
					t.Errorf("%v ends with %d, want 2 or 3: %s", args, code, tail(p.stderr.String()))
				}
				p.checkKeepsSecrets()
			}
		})
	}
	for _, args := range [][]string{
		{"backfill", login.url()},
		{login.url()},
		{"deadletters", "show", login.url()},
		{"produce", login.url()},
		{"run", "--database_url=" + login.url()},
		{"run", "--http-tokn=" + canaryToken},
		{"peek", "--offset=" + login.url()},
		{"reset", "--to=" + login.url()},
	} {
		p := start(t, s.environmentWithout(), args...)
		if code := p.wait(30 * time.Second); code != 2 && code != 3 {
			t.Errorf("sink %s, with a secret where none belongs, ends with %d, want 2 or 3: %s", args[0], code, tail(p.stderr.String()))
		}
		p.checkKeepsSecrets()
	}
	for scenario, env := range map[string][]string{
		"a token that is too short":       {"HTTP_TOKEN=" + canaryHead},
		"a token and a file":              {"HTTP_TOKEN=" + canaryToken, "HTTP_TOKEN_FILE=" + secretFile(t, canaryToken)},
		"an address that is none":         {"HTTP_TOKEN=" + canaryToken, "HTTP_ADDR=nowhere"},
		"an address that others may have": {"HTTP_TOKEN=" + canaryToken, "HTTP_ADDR=192.0.2.1:8080"},
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(append(s.environmentWithout(), "DATABASE_URL="+login.url(), "HTTP_ADDR=127.0.0.1:0"), env...), "run")
			if code := p.wait(30 * time.Second); code != 2 && code != 3 {
				t.Errorf("it ends with %d, want 2 or 3: %s", code, tail(p.stderr.String()))
			}
			p.checkKeepsSecrets()
		})
	}
}
