package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"ridesink/internal/localenv"
)

// page_answers_test.go: the status page answers within a second, whatever is away and however many partitions there are, and only who may ask.

// TestPageOf256Partitions holds: with 256 partitions the page comes within a second, also while PostgreSQL is away.
func TestPageOf256Partitions(t *testing.T) {
	t.Parallel()
	const partitions = 256
	s := newScene(t, partitions)
	s.publishRides(4*partitions, partitions, writeTLC)
	relay := startRelay(t, s.url, nil, 0)
	address := closedPort(t)
	s.through(relay.url(s.url)).run("--http-addr=" + address)
	rows := func() (int, time.Duration) {
		began := time.Now()
		_, body := get(t, address, "/")
		return strings.Count(body, `scope="row"`), time.Since(began)
	}
	eventually(t, longWait, "all partitions to be shown", func() (bool, string) {
		n, took := rows()
		return n == partitions, fmt.Sprint(n, " in ", took)
	})
	measure := func(when string) {
		t.Helper()
		slowest := time.Duration(0)
		for range 10 {
			n, took := rows()
			if slowest = max(slowest, took); n != partitions {
				t.Errorf("%s: %d rows", when, n)
			}
		}
		if slowest > time.Second {
			t.Errorf("%s: the page took %s", when, slowest)
		}
		t.Logf("%s: the slowest of 10 took %s", when, slowest)
	}
	measure("while it moves")
	relay.away()
	eventually(t, longWait, "the outage to be shown", func() (bool, string) {
		_, body := get(t, address, "/status.json")
		return strings.Contains(body, "PostgreSQL has been away"), body
	})
	measure("while PostgreSQL is away")
}

// TestPageWithoutKafka holds: while Kafka is away the page comes within a second and says so, and says when it is back.
func TestPageWithoutKafka(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1) // for its schema
	kafka, err := localenv.StartKafka(t.Context(), localenv.KafkaOptions{})
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		if err := kafka.Stop(); err != nil {
			t.Errorf("stop Kafka: %v", err)
		}
	})
	s.brokers = kafka.Brokers()
	if _, err := kadm.NewClient(newClient(t, s.brokers)).CreateTopic(t.Context(), 2, -1, nil, s.topic()); err != nil {
		t.Fatalf("create the topic: %v", err)
	}
	s.waitForPartitions(2)
	keepForever(t, s.brokers, s.topic())
	s.publishRides(100, 2, writeTLC)
	address := closedPort(t)
	s.run("--http-addr=" + address)
	says := func(words string) {
		t.Helper()
		eventually(t, longWait, "the page to say "+words, func() (bool, string) {
			began := time.Now()
			_, body := get(t, address, "/")
			if took := time.Since(began); took > time.Second {
				t.Errorf("waiting for %q: the page took %s", words, took)
			}
			return strings.Contains(body, words), body
		})
	}
	says("Running. PostgreSQL and Kafka answer.")
	kafka.Kill(0)
	says("Kafka has been away since")
	if err := kafka.Start(t.Context(), 0); err != nil {
		t.Fatalf("start Kafka again: %v", err)
	}
	says("Running. PostgreSQL and Kafka answer.")
}

// TestPageNeedsAToken holds: an address that other machines reach is refused at the start, and with a token the page is for who knows it.
func TestPageNeedsAToken(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	_, port, _ := strings.Cut(closedPort(t), ":")
	p := s.run("--http-addr=0.0.0.0:" + port)
	p.wantExit(2, longWait)
	checkOneLine(t, p, []string{"HTTP_TOKEN", "--http-allow-remote"})

	const token = "correct-horse-battery"
	file := secretFile(t, token+"\n")
	address := "127.0.0.1:" + port
	p = start(t, append(s.environment(), "HTTP_TOKEN_FILE="+file, "HTTP_ADDR=0.0.0.0:"+port), append([]string{"run"}, hasty()...)...)
	eventually(t, longWait, "readiness without a token", func() (bool, string) {
		status, body := get(t, address, "/readyz")
		return status == 200, body
	})
	for _, path := range []string{"/", "/metrics", "/status.json", "/page.js"} {
		if status, body := get(t, address, path); status != 401 {
			t.Errorf("%s without a token: %d %s", path, status, body)
		}
		if status, body := get(t, "anybody:"+token+"@"+address, path); status != 200 {
			t.Errorf("%s with the token as a password: %d %s", path, status, body)
		}
	}
	if strings.Contains(p.stderr.String(), token) {
		t.Error("the token is in the log")
	}
	if check := start(t, []string{"HTTP_ADDR=" + address, "HTTP_TOKEN_FILE=" + file}, "healthcheck"); check.wait(10*time.Second) != 0 {
		t.Errorf("sink healthcheck: %s", check.stderr.String())
	}
	b := openTab(t)
	b.open("http://anybody:" + token + "@" + address + "/")
	b.await("state", "Running.")
	first := b.text("at")
	eventually(t, longWait, "the page to refresh itself with the token", func() (bool, string) {
		now := b.text("at")
		return now != first, now
	})
	b.wantQuiet()
}
