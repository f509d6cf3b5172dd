package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ridesink/internal/page"
	"ridesink/internal/servers"
	"ridesink/sink"
)

// An address that other machines reach needs a token or a word that it is meant; a token must not be guessable; faults are usage errors.
func TestHTTPAccess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr, token string
		remote      bool
		fault       string // in the error; empty: none
	}{
		{addr: ""},
		{addr: "localhost:8080"},
		{addr: "127.0.0.1:8080"},
		{addr: "127.8.9.1:0"},
		{addr: "[::1]:8080"},
		{addr: ":8080", fault: "HTTP_TOKEN"},
		{addr: "0.0.0.0:8080", fault: "--http-allow-remote"},
		{addr: "[::]:8080", fault: "HTTP_TOKEN"},
		{addr: "10.0.0.7:8080", fault: "HTTP_TOKEN"},
		{addr: "[::ffff:10.0.0.7]:8080", fault: "HTTP_TOKEN"},
		{addr: "localhost.example.org:8080", fault: "HTTP_TOKEN"},
		{addr: "8080", fault: "HOST:PORT"},
		{addr: ":8080", remote: true},
		{addr: ":8080", token: "0123456789abcdef"},
		{addr: ":8080", token: "short", fault: "at least"},
		{addr: "localhost:8080", token: "short", fault: "at least"},
	} {
		o := httpOptions{HTTPAddr: c.addr, HTTPAllowRemote: c.remote, httpTokenOptions: httpTokenOptions{HTTPToken: c.token}}
		access, err := o.access()
		switch {
		case c.fault == "" && (err != nil || access.addr != c.addr || access.token != c.token):
			t.Errorf("%+v: %+v, %v", c, access, err)
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault) || exitCode(err) != exitUsage):
			t.Errorf("%+v: %v (exit code %d), want a usage error with %q", c, err, exitCode(err), c.fault)
		case err != nil && c.token != "" && strings.Contains(err.Error(), c.token):
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

// Who may ask for what: the token opens all, health is open to all and tells strangers no details, and a name from elsewhere does not
// lead a browser to what is for this machine.
func TestHTTPRoutes(t *testing.T) {
	t.Parallel()
	const token = "correct-horse-battery"
	open, locked, remote := httpAccess{addr: "localhost:1"}, httpAccess{addr: ":1", token: token}, httpAccess{addr: ":1", remote: true}
	local := httpAccess{addr: "localhost:1", token: token}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "bearer "+token) }
	basic := func(r *http.Request) { r.SetBasicAuth("anybody", token) }
	asUser := func(r *http.Request) { r.SetBasicAuth(token, "") }
	wrong := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+"x") }
	for _, c := range []struct {
		access     httpAccess
		host, path string
		as         func(*http.Request)
		want       int
		text       string
	}{
		{access: open, host: "localhost:8080", path: "/", want: 200, text: "the page"},
		{access: open, host: "127.0.0.1:8080", path: "/status.json", want: 200},
		{access: open, host: "[::1]:8080", path: "/metrics", want: 200},
		{access: open, host: "evil.example:8080", path: "/", want: 421, text: "localhost"},
		{access: open, host: "evil.example:8080", path: "/metrics", want: 421},
		{access: open, host: "", path: "/", want: 421},
		{access: open, host: "evil.example:8080", path: "/healthz", want: 200},
		{access: open, host: "localhost:8080", path: "/readyz", want: 503, text: "rides/3 is halted"},
		{access: remote, host: "sink.internal:8080", path: "/", want: 200},
		{access: remote, host: "10.0.0.7:8080", path: "/metrics", want: 200},
		{access: locked, host: "localhost:8080", path: "/", want: 401, text: "Bearer"},
		{access: locked, host: "localhost:8080", path: "/metrics", want: 401},
		{access: local, host: "localhost:8080", path: "/status.json", want: 401},
		{access: locked, host: "localhost:8080", path: "/", as: wrong, want: 401},
		{access: locked, host: "localhost:8080", path: "/", as: asUser, want: 401},
		{access: locked, host: "localhost:8080", path: "/", as: bearer, want: 200},
		{access: locked, host: "sink.internal", path: "/metrics", as: basic, want: 200},
		{access: locked, host: "localhost:8080", path: "/healthz", want: 200, text: "alive"},
		{access: locked, host: "localhost:8080", path: "/readyz", want: 503, text: "not ready"},
		{access: locked, host: "localhost:8080", path: "/readyz", as: bearer, want: 503, text: "rides/3 is halted"},
	} {
		t.Run(fmt.Sprintf("%+v %s%s", c.access, c.host, c.path), func(t *testing.T) {
			t.Parallel()
			says := func(text string) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
			}
			handler := routes(c.access, func() error { return errors.New("rides/3 is halted") }, says("the page"), says("metrics"))
			request := httptest.NewRequest(http.MethodGet, c.path, nil)
			request.Host = c.host
			if c.as != nil {
				c.as(request)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != c.want || !strings.Contains(answer.Body.String(), c.text) {
				t.Errorf("%d %s, want %d with %q", answer.Code, answer.Body, c.want, c.text)
			}
			if c.access.token != "" && c.as == nil && strings.Contains(answer.Body.String(), "rides/3") {
				t.Error("a stranger is told what is halted")
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": page.ContentSecurityPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			} {
				if got := answer.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

// The settings on the page are those of the log, and where the database is, without its password.
func TestPageSettings(t *testing.T) {
	t.Parallel()
	cfg := sink.DefaultConfig()
	cfg.Brokers, cfg.Topics = []string{"kafka-1:9092", "kafka-2:9092"}, []string{"rides", "more"}
	cfg.DatabaseURL = "postgres://rider:canary-password@db.example:5433/taxis"
	db, err := servers.OpenDatabase(t.Context(), cfg.DatabaseURL, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	text := fmt.Sprint(pageSettings(cfg, db))
	for _, want := range []string{"{database taxis of rider at db.example:5433}", "{brokers kafka-1:9092, kafka-2:9092}", "{topics rides, more}", "{memory 128 MiB}", "{session timeout 10 s}"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
	if strings.Contains(text, "canary") {
		t.Errorf("the password is shown: %s", text)
	}
}

// The counters say what each partition moved, under the name and the labels that the sink registers.
func TestMovedRecords(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	records := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ridesink_records_total"}, []string{"topic", "partition", "outcome"})
	registry.MustRegister(records)
	for i, outcome := range []string{"inserted", "dead_letter", "tombstone", "not_record", "lost"} {
		records.WithLabelValues("rides", "3", outcome).Add(float64(int(1) << (4 * i)))
	}
	records.WithLabelValues("rides", "4", "inserted").Add(2)
	moved, total := movedRecords(registry)
	if want := (page.Counts{Inserted: 3, DeadLetters: 0x10, Tombstones: 0x100, NotRecords: 0x1000, Lost: 0x10000}); total != want {
		t.Errorf("total %+v, want %+v", total, want)
	}
	if moved[topicAndPartition{"rides", "3"}] != 0x111 || moved[topicAndPartition{"rides", "4"}] != 2 || total.Records() != 0x113 {
		t.Errorf("moved %v", moved)
	}
}
