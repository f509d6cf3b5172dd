package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// kafka_tls_test.go: whom a sink believes to be a broker, and how a broker knows a sink by its certificate.

// certificate is the environment of a sink that shows a certificate of name.
func (k *secureKafka) certificate(t testing.TB, name string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.pem")
	copyFile(t, issue(t, k.authority, name, time.Hour), path)
	return []string{"KAFKA_CERT_FILE=" + path, "KAFKA_KEY_FILE=" + path}
}

// copyFile puts a file in the place of another, at once.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to+".new", content, 0o600)
	}
	if err == nil {
		err = os.Rename(to+".new", to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// testTLS holds: rides go end to end where the broker knows us by our certificate.
func (k *secureKafka) testTLS(t *testing.T) {
	s := k.scene(t)
	s.moves(k.by(s, mutualListener, k.certificate(t, rider)...))
}

// testWrongTLS holds: each way in which two sides do not trust each other is one line, at once.
func (k *secureKafka) testWrongTLS(t *testing.T) {
	s := k.scene(t)
	expired, strange := issue(t, k.authority, "old-"+rider, -time.Minute), issue(t, k.stranger, rider, time.Hour)
	open := append(s.environment(), "KAFKA_TLS=true")
	for name, test := range map[string]struct{ env, words []string }{
		"a broker whose certificate has expired":   {k.by(s, expiredListener), []string{"certificate", "expired", "renew"}},
		"a broker of an unknown authority":         {k.by(s, loginListener, append(scramLogin(canary), "KAFKA_CA_FILE="+k.stranger.CA())...), []string{"unknown authority", "--kafka-ca-file"}},
		"this machine's authorities":               {k.by(s, loginListener, append(scramLogin(canary), "KAFKA_CA_FILE=")...), []string{"unknown authority", "--kafka-ca-file"}},
		"no client certificate":                    {k.by(s, mutualListener), []string{"refuses TLS", "--kafka-cert-file"}},
		"a client certificate of a stranger":       {k.by(s, mutualListener, "KAFKA_CERT_FILE="+strange, "KAFKA_KEY_FILE="+strange), []string{"refuses TLS", "--kafka-cert-file"}},
		"a client certificate that has expired":    {k.by(s, mutualListener, "KAFKA_CERT_FILE="+expired, "KAFKA_KEY_FILE="+expired), []string{"--kafka-cert-file", "expired"}},
		"TLS where there is none":                  {open, []string{"TLS", "--kafka-tls", "--brokers"}},
		"no TLS where there is":                    {k.by(s, mutualListener, "KAFKA_TLS=false", "KAFKA_CA_FILE="), []string{"speaks TLS", "--kafka-tls"}},
		"no TLS, but a login, where there is both": {k.by(s, loginListener, append(scramLogin(canary), "KAFKA_TLS=false", "KAFKA_CA_FILE=")...), []string{"speaks TLS", "--kafka-tls"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range [][]string{{"backfill"}, {"produce", "--topic=" + s.topic(), "--synthetic=1"}} {
				s.fails(t, append(test.env, "LOG_LEVEL=debug"), command, test.words)
			}
		})
	}
}

// testCertificateReplaced holds: certificate files that are replaced count from the next connection on: a bad one is an outage that says so, a good one
// ends it.
func (k *secureKafka) testCertificateReplaced(t *testing.T) {
	s := k.scene(t)
	path, address := filepath.Join(t.TempDir(), "client.pem"), closedPort(t)
	copyFile(t, issue(t, k.authority, "first", time.Hour), path)
	records := s.publishRides(20, 2, writeMixed)
	for _, user := range []string{"first", "second"} {
		k.allow(t, readRights(user, s))
	}
	p := start(t, k.by(s, mutualListener, "KAFKA_CERT_FILE="+path, "KAFKA_KEY_FILE="+path, "HTTP_ADDR="+address), append([]string{"run"}, hasty()...)...)
	s.waitForEnd(longWait)
	copyFile(t, issue(t, k.stranger, "first", time.Hour), path)
	s.addPartitions(3) // so that the group is joined again, by new connections
	s.waitUntilUnready(address, "kafka is away", "refuses TLS")
	copyFile(t, issue(t, k.authority, "second", time.Hour), path)
	records = append(records, s.publishRides(30, 3, writeMixed)...)
	s.waitForEnd(longWait)
	s.waitUntilReady(address)
	p.stop(t)
	s.checkStored(records)
}
