package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// kafka_login_test.go: who logs in to Kafka, by which mechanism, told in which way, and what happens when that does not or no longer work.

// testLogin holds: rides go end to end with each mechanism, with TLS and, where that is allowed, without.
func (k *secureKafka) testLogin(t *testing.T) {
	token := secretFile(t, unsignedToken(time.Hour)+"\n")
	for name, test := range map[string]struct {
		listener string
		env      []string
	}{
		"PLAIN": {loginListener, []string{"KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_USERNAME=" + rider, "KAFKA_PASSWORD=" + plainPassword}},
		"SCRAM-SHA-256 with a file": {loginListener, []string{
			"KAFKA_SASL_MECHANISM=scram-sha-256", "KAFKA_USERNAME=" + rider, "KAFKA_PASSWORD_FILE=" + secretFile(t, canary+"\n"),
		}},
		"SCRAM-SHA-512":             {loginListener, scramLogin(canary)},
		"OAUTHBEARER":               {loginListener, []string{"KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_TOKEN_FILE=" + token}},
		"SCRAM-SHA-512 without TLS": {plainListener, scramLogin(canary)},
		"PLAIN without TLS": {plainListener, []string{
			"KAFKA_SASL_MECHANISM=plain", "KAFKA_USERNAME=" + rider, "KAFKA_PASSWORD=" + plainPassword, "SINK_ALLOW_INSECURE=true",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.scene(t)
			s.moves(k.by(s, test.listener, append(test.env, "LOG_LEVEL=debug")...))
		})
	}
}

// testWrongLogin holds: each way to be refused is one line, at once; a wrong password is, from each command.
func (k *secureKafka) testWrongLogin(t *testing.T) {
	s := k.scene(t)
	wrong := strings.ReplaceAll(canary, "7", "8")
	for name, test := range map[string]struct {
		listener string
		env      []string
		words    []string
	}{
		"a wrong password by SCRAM": {loginListener, scramLogin(wrong), []string{"refuses the login", rider, "KAFKA_PASSWORD", "SCRAM-SHA-512"}},
		"a wrong password by PLAIN": {
			loginListener, []string{"KAFKA_SASL_MECHANISM=plain", "KAFKA_USERNAME=" + rider, "KAFKA_PASSWORD=" + wrong}, []string{"refuses the login", rider, "KAFKA_PASSWORD", "PLAIN"},
		},
		"nobody by that name": {
			loginListener, []string{"KAFKA_SASL_MECHANISM=scram-sha-256", "KAFKA_USERNAME=nobody", "KAFKA_PASSWORD=" + canary}, []string{"refuses the login", "nobody", "--kafka-username"},
		},
		"a token that has expired": {
			loginListener, []string{"KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_TOKEN_FILE=" + secretFile(t, unsignedToken(-time.Hour))}, []string{"refuses the login", "--kafka-token-file"},
		},
		"a file with no token": {
			loginListener, []string{"KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_TOKEN_FILE=" + secretFile(t, "two words")}, []string{"no login", "--kafka-token-file"},
		},
		"a login where there is none": {mutualListener, append(scramLogin(canary), k.certificate(t, rider)...), []string{"no login on this port", "--kafka-sasl-mechanism"}},
		"no login where one is wanted": {
			loginListener, nil, []string{"wants a login", "SCRAM-SHA-512", "--kafka-sasl-mechanism"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := k.by(s, test.listener, append(test.env, "LOG_LEVEL=debug")...)
			commands := [][]string{{"backfill"}}
			if name == "a wrong password by SCRAM" { // reset asks no broker where there is no ledger
				commands = append(commands, []string{"run"}, []string{"peek", s.topic()}, []string{"produce", "--topic=" + s.topic(), "--synthetic=1"}, []string{"status"}, []string{"verify"})
			}
			for _, command := range commands {
				s.fails(t, env, command, test.words)
			}
		})
	}
	for name, test := range map[string]struct{ env, words []string }{
		"PLAIN without TLS":        {append(scramLogin(canary), "KAFKA_SASL_MECHANISM=plain"), []string{"--kafka-tls", "--allow-insecure"}},
		"OAUTHBEARER without TLS":  {[]string{"KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_TOKEN_FILE=x"}, []string{"--kafka-tls", "--allow-insecure"}},
		"a mechanism that is none": {append(scramLogin(canary), "KAFKA_SASL_MECHANISM=kerberos"), []string{"kerberos", "scram-sha-512"}},
		"no password":              {[]string{"KAFKA_SASL_MECHANISM=scram-sha-512", "KAFKA_USERNAME=" + rider}, []string{"KAFKA_PASSWORD_FILE"}},
		"no mechanism":             {[]string{"KAFKA_USERNAME=" + rider, "KAFKA_PASSWORD=" + canary}, []string{"--kafka-sasl-mechanism"}},
		"a password and a file":    {append(scramLogin(canary), "KAFKA_PASSWORD_FILE="+secretFile(t, canary)), []string{"KAFKA_PASSWORD_FILE"}},
		"a secret in the clear": {
			[]string{"KAFKA_TLS=true", "KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_OAUTH_URL=http://localhost/token", "KAFKA_OAUTH_CLIENT_ID=c", "KAFKA_OAUTH_CLIENT_SECRET=" + canary}, []string{"--kafka-oauth-url", "https"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(s.environment(), test.env...), "backfill")
			p.wantExit(2, 30*time.Second)
			checkOneLine(t, p, test.words)
			p.checkKeepsSecrets()
		})
	}
}

// userOf makes a user for one test alone, who may read the scene's topic and group.
func (k *secureKafka) userOf(s scene) string {
	s.t.Helper()
	user := "of-" + s.topic()
	k.setPassword(s.t, user, canary)
	k.allow(s.t, rights(kadm.OpRead, user, s.topic(), s.group))
	return user
}

// testLoginLost holds: a password that is changed under a sink that runs is an outage that says so, and ends when the file with the password is replaced.
func (k *secureKafka) testLoginLost(t *testing.T) {
	s := k.scene(t)
	user, address := k.userOf(s), closedPort(t)
	records := s.publishRides(20, 2, writeMixed)
	file, another := secretFile(t, canary), secretFile(t, "another-"+canaryTail)
	env := []string{"KAFKA_SASL_MECHANISM=scram-sha-512", "KAFKA_USERNAME=" + user, "KAFKA_PASSWORD_FILE=" + file, "HTTP_ADDR=" + address}
	p := start(t, k.by(s, loginListener, env...), append([]string{"run"}, hasty()...)...)
	s.waitForEnd(longWait)
	s.waitUntilReady(address)
	k.setPassword(t, user, "another-"+canaryTail)
	s.waitUntilUnready(address, "kafka is away", "refuses the login", user)
	records = append(records, s.publishRides(20, 2, writeMixed)...)
	copyFile(t, another, file)
	s.waitForEnd(longWait)
	s.waitUntilReady(address)
	p.stop(t)
	if !p.logged("outage") || !p.logged("recovered") {
		t.Errorf("the log has no outage, or no end of it: %s", tail(p.stderr.String()))
	}
	p.checkKeepsSecrets()
	s.checkStored(records)
}

// testReauthentication holds: logins that end after connections.max.reauth.ms, twice, cost nothing: no line above info, no other generation, no record.
func (k *secureKafka) testReauthentication(t *testing.T) {
	for name, login := range map[string][]string{
		"SCRAM": scramLogin(canary), "OAUTHBEARER": {"KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_TOKEN_FILE=" + secretFile(t, unsignedToken(time.Hour))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.scene(t)
			p := start(t, k.by(s, loginListener, append(login, "LOG_LEVEL=debug")...), append([]string{"run"}, hasty()...)...)
			var records []sent
			s.waitForMembers(1)
			conn, producer, dice := s.connect(), newClient(t, s.brokers), random(t)
			began := time.Now()
			pace := time.NewTicker(200 * time.Millisecond)
			defer pace.Stop()
			for time.Since(began) < 2*reauthAfter+reauthAfter/2 {
				<-pace.C
				more := recordsOf(t, s.topic(), 2, madeRides(dice, 10), writeMixed)
				publish(t, producer, more)
				records = append(records, more...)
				s.waitForRecords(conn, records)
			}
			p.stop(t)
			s.checkStored(records)
			assigned := 0
			for line := range strings.Lines(p.stderr.String()) {
				var entry struct{ Level, Msg, What string }
				if err := json.Unmarshal([]byte(line), &entry); err != nil {
					t.Errorf("not a line of the log: %s", line)
				}
				if entry.Level == "WARN" || entry.Level == "ERROR" || entry.Msg == "attempt failed" {
					t.Errorf("the log has an alarm: %s", line)
				}
				if entry.Msg == "assigned" {
					assigned++
				}
			}
			if assigned != 1 {
				t.Errorf("partitions were shared out %d times, want once", assigned)
			}
			p.checkKeepsSecrets()
		})
	}
}

// testClientCredentials holds: tokens come from a token endpoint, with the client's secret, and rides go end to end.
func (k *secureKafka) testClientCredentials(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id+secret != "c"+canaryToken || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "rides" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":%q}`, secret)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":3600}`, unsignedToken(time.Hour))
	}))
	t.Cleanup(endpoint.Close)
	s := k.scene(t)
	env := k.by(s, loginListener, "KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_OAUTH_URL="+endpoint.URL, "KAFKA_OAUTH_CLIENT_ID=c", "KAFKA_OAUTH_SCOPE=rides", "SINK_ALLOW_INSECURE=true", "LOG_LEVEL=debug")
	s.moves(append(env, "KAFKA_OAUTH_CLIENT_SECRET="+canaryToken))
	s.fails(t, append(env, "KAFKA_OAUTH_CLIENT_SECRET=x"+canaryToken), []string{"backfill"}, []string{"gives no token", "401", "invalid_client", "KAFKA_OAUTH_CLIENT_SECRET"})
}

// propertiesFile is a client.properties with these lines.
func propertiesFile(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testConfig holds: a client.properties of Java's or of librdkafka's is all that is needed beside the topic, and what is in the environment wins.
func (k *secureKafka) testConfig(t *testing.T) {
	brokers := strings.Join(k.kafka.Listener(loginListener), ",")
	inJava := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	twice := strings.NewReplacer(`\`, `\\`)
	java := `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="` + rider + `" password="` + twice.Replace(inJava.Replace(canary)) + `";`
	for name, test := range map[string]struct{ lines, env []string }{
		"Java": {lines: []string{
			"bootstrap.servers=" + brokers, "security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512", java, "ssl.truststore.type=PEM", "ssl.truststore.location=" + k.authority.CA(),
			"acks=all", "client.dns.lookup=use_all_dns_ips",
		}},
		"librdkafka": {lines: []string{
			"# of somebody else", "bootstrap.servers = " + brokers, "security.protocol = sasl_ssl", "sasl.mechanisms: PLAIN", "sasl.username " + rider, "sasl.password=" + plainPassword,
			"ssl.ca.location=" + k.authority.CA(), "acks=all", "client.dns.lookup=use_all_dns_ips",
		}},
		"the environment wins": {
			lines: []string{"bootstrap.servers=192.0.2.1:9", "security.protocol=SASL_SSL", "sasl.mechanisms=PLAIN", "sasl.username=nobody", "sasl.password=x", "acks=1", "client.dns.lookup=x"},
			env:   append(scramLogin(canary), "KAFKA_BROKERS="+brokers, "KAFKA_CA_FILE="+k.authority.CA()),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.scene(t)
			env := append([]string{"KAFKA_TOPICS=" + s.topic(), "DATABASE_URL=" + s.url, "KAFKA_CONFIG=" + propertiesFile(t, append(test.lines, "group.id="+s.group)...)}, test.env...)
			records := s.publishRides(20, 2, writeMixed)
			p := start(t, env, "backfill", "--json")
			p.wantExit(0, time.Minute)
			s.checkStored(records)
			p.checkKeepsSecrets()
			if text := p.stderr.String(); strings.Count(text, `"WARN"`) != 1 || !strings.Contains(text, `"names":["acks","client.dns.lookup"]`) {
				t.Errorf("there is not one warning of what means nothing: %s", tail(text))
			}
			if group := value[string](t, s.connect(), "SELECT DISTINCT group_id FROM sink_ledger"); group != s.group {
				t.Errorf("the group is %s, want group.id of the file, %s", group, s.group)
			}
		})
	}
}

// testCanary holds: no command, told the password in any way, shows it; nor does a sink that runs, on its pages or in its arguments.
func (k *secureKafka) testCanary(t *testing.T) {
	s := k.scene(t)
	s.publishRides(20, 2, writeMixed)
	login := []string{"KAFKA_SASL_MECHANISM=scram-sha-512", "KAFKA_USERNAME=" + rider, "LOG_LEVEL=debug"}
	config := propertiesFile(t, "security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512", "sasl.username="+rider, "sasl.password="+strings.ReplaceAll(canary, `\`, `\\`), canaryHead+" and the rest of a line that was broken", canaryTail)
	for way, env := range map[string][]string{
		"KAFKA_PASSWORD":      k.by(s, loginListener, append(login, "KAFKA_PASSWORD="+canary)...),
		"KAFKA_PASSWORD_FILE": k.by(s, loginListener, append(login, "KAFKA_PASSWORD_FILE="+secretFile(t, canary))...),
		"KAFKA_CONFIG":        k.by(s, loginListener, "LOG_LEVEL=debug", "KAFKA_CONFIG="+config),
	} {
		for _, command := range [][]string{
			{"backfill"}, {"status", "--rate-over=0s"}, {"verify"}, {"peek", s.topic()}, {"produce", "--topic=" + s.topic(), "--synthetic=2"}, {"reset", "--to=earliest", "--dry-run"}, {"version"}, {"run", "--help"},
		} {
			p := start(t, env, command...)
			if p.wantExit(0, time.Minute); t.Failed() {
				t.Fatalf("told by %s", way)
			}
			p.checkKeepsSecrets()
		}
	}
	address := closedPort(t)
	p := start(t, k.by(s, loginListener, append(login, "KAFKA_PASSWORD="+canary, "HTTP_ADDR="+address)...), append([]string{"run"}, hasty()...)...)
	s.waitUntilReady(address)
	for _, path := range []string{"/", "/status.json", "/readyz", "/metrics", "/config", "/nowhere"} {
		if _, shown := ask(t, address, path, ""); betrays(shown) != "" {
			t.Errorf("%s shows the secret: %s", path, betrays(shown))
		}
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
	if err == nil && betrays(string(arguments)) != "" {
		t.Errorf("the arguments show the secret: %s", arguments)
	}
	p.stop(t)
	p.checkKeepsSecrets()
	for name, lines := range map[string][]string{
		"JAAS without a semicolon": {"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", `sasl.jaas.config=x.PlainLoginModule required username="u" password="` + canaryHead + `"`},
		"another module":           {"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.jaas.config=" + canaryHead + ` required password="` + canaryTail + `";`},
		"a bad escape":             {"security.protocol=SASL_SSL", "sasl.password=" + canaryHead + `\uQQQQ` + canaryTail},
		"a protocol that is none":  {"security.protocol=" + canaryHead},
		"no protocol":              {"sasl.mechanism=PLAIN", "sasl.username=u", "sasl.password=" + canaryHead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(s.environment(), "KAFKA_CONFIG="+propertiesFile(t, lines...)), "backfill")
			p.wantExit(2, 30*time.Second)
			checkOneLine(t, p, []string{"--kafka-config"})
			p.checkKeepsSecrets()
		})
	}
}
