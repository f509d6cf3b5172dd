package e2e

import (
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

// canary_registry_test.go: the login to a schema registry is shown nowhere either, also where the registry says it back.

// TestCanaryOfRegistry holds: with a registry that answers whatever goes wrong with the login itself, no log at the lowest level, page, metric or error
// shows it.
func TestCanaryOfRegistry(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.publishRides(20, 1, writeMixed)
	s.publish([]sent{{record: framedRecord(s.topic(), 7, []byte{20})}})
	echo := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/schemas/types" && status != http.StatusUnauthorized {
				_, _ = w.Write([]byte(`["AVRO"]`))
				return
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error_code":50001,"message":"` + r.Header.Get("Authorization") + `"}`))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	user, token := "SCHEMA_REGISTRY_USER_INFO=user:"+canary, "SCHEMA_REGISTRY_TOKEN="+canaryToken
	away, refusing := echo(http.StatusInternalServerError), echo(http.StatusUnauthorized)

	address := closedPort(t)
	env := append(s.environment(), "LOG_LEVEL=debug", "SCHEMA_REGISTRY_URL="+away, user, "HTTP_ADDR="+address, "HTTP_TOKEN="+canaryToken)
	p := start(t, env, append([]string{"run"}, hasty()...)...)
	eventually(t, 30*time.Second, "/readyz to say that the registry is away", func() (bool, string) {
		status, body := ask(t, address, "/readyz", canaryToken)
		return status == http.StatusServiceUnavailable && p.logged("outage"), body
	})
	s.checkPages(address, http.StatusServiceUnavailable)
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	p.checkKeepsSecrets()

	for scenario, login := range map[string][]string{
		"a user who is refused":     {"SCHEMA_REGISTRY_URL=" + refusing, user},
		"a token that is refused":   {"SCHEMA_REGISTRY_URL=" + refusing, token},
		"nobody listens":            {"SCHEMA_REGISTRY_URL=http://" + closedPort(t), user},
		"both":                      {"SCHEMA_REGISTRY_URL=" + away, user, token},
		"no colon":                  {"SCHEMA_REGISTRY_URL=" + away, "SCHEMA_REGISTRY_USER_INFO=" + canaryHead + canaryTail},
		"a login in the URL":        {"SCHEMA_REGISTRY_URL=http://user:" + canaryHead + canaryTail + "@localhost:1"},
		"a URL that is none":        {"SCHEMA_REGISTRY_URL=user:" + canaryHead + canaryTail + "@localhost:1"},
		"a token of two lines":      {"SCHEMA_REGISTRY_URL=" + away, "SCHEMA_REGISTRY_TOKEN_FILE=" + secretFile(t, canaryToken+"\n"+canaryToken)},
		"a file beside the setting": {"SCHEMA_REGISTRY_URL=" + away, token, "SCHEMA_REGISTRY_TOKEN_FILE=" + secretFile(t, canaryToken)},
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{{"backfill"}, {"verify"}, {"peek", s.topic()}, {"deadletters", "retry"}} {
				p := start(t, append(append(s.environment(), "LOG_LEVEL=debug"), login...), args...)
				if code := p.wait(30 * time.Second); code != 2 && code != 3 {
					t.Errorf("%v ends with %d, want 2 or 3: %s", args, code, tail(p.stderr.String()))
				}
				p.checkKeepsSecrets()
			}
		})
	}
}
