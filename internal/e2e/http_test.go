package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// http_test.go: what a running sink tells orchestrators and Prometheus.

// get asks path of the sink at address; a sink that does not answer has status 0.
func get(t testing.TB, address, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
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
	return response.StatusCode, string(content)
}

// TestHTTP holds: /readyz says yes once partitions are read and no while PostgreSQL is away, /healthz says yes throughout, /metrics counts
// the records, and `sink healthcheck` tells the same by its exit code.
func TestHTTP(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(100, 2, writeMixed)
	gone := tombstone(s.topic(), 0)
	s.publish([]sent{gone})
	relay := startRelay(t, s.url, nil, 0)
	address := closedPort(t)
	p := s.through(relay.url(s.url)).run("--http-addr=" + address)
	healthcheck := func() int {
		return start(t, []string{"HTTP_ADDR=" + address}, "healthcheck").wait(10 * time.Second)
	}
	s.waitForEnd(time.Minute)
	eventually(t, 15*time.Second, "/readyz to say yes", func() (bool, string) {
		status, body := get(t, address, "/readyz")
		return status == http.StatusOK, fmt.Sprint(status, " ", body)
	})
	if status, body := get(t, address, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d: %s", status, body)
	}
	if code := healthcheck(); code != 0 {
		t.Errorf("sink healthcheck ended with %d beside a ready sink", code)
	}
	status, metrics := get(t, address, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics says %d: %s", status, metrics)
	}
	if got := metric(t, metrics, "ridesink_records_total", `outcome="inserted"`); got != float64(len(records)) {
		t.Errorf("ridesink_records_total says %v records were inserted, %d were sent", got, len(records))
	}
	if got := metric(t, metrics, "ridesink_lag_records"); got != 0 {
		t.Errorf("ridesink_lag_records says %v at the end of the log", got)
	}
	if got := metric(t, metrics, "ridesink_position"); got != float64(len(records)+1) {
		t.Errorf("ridesink_position adds up to %v, want %d", got, len(records)+1)
	}

	relay.close()
	more := s.publishRides(100, 2, writeMixed)
	eventually(t, 30*time.Second, "/readyz to say no while PostgreSQL is away", func() (bool, string) {
		status, body := get(t, address, "/readyz")
		return status == http.StatusServiceUnavailable, fmt.Sprint(status, " ", body)
	})
	if status, body := get(t, address, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d while PostgreSQL is away: %s", status, body)
	}
	if code := healthcheck(); code != 1 {
		t.Errorf("sink healthcheck ended with %d beside a sink that is not ready, want 1", code)
	}
	p.signal(syscall.SIGTERM)
	p.wait(stopBound)
	if code := healthcheck(); code != 1 {
		t.Errorf("sink healthcheck ended with %d where no sink is, want 1", code)
	}
	s.group += "-afterwards"
	s.backfilled(0)
	s.checkStored(append(append(records, more...), gone))
}

// metric sums up the samples of one metric that have all of the labels. It fails the test if there is none.
func metric(t testing.TB, metrics, name string, labels ...string) float64 {
	t.Helper()
	sum, found := 0.0, false
	for line := range strings.Lines(metrics) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		for _, label := range labels {
			ok = ok && strings.Contains(rest, label)
		}
		if !ok {
			continue
		}
		fields := strings.Fields(line)
		sample, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatalf("/metrics: %q: %v", line, err)
		}
		sum, found = sum+sample, true
	}
	if !found {
		t.Errorf("/metrics has no %s with %v", name, labels)
	}
	return sum
}
