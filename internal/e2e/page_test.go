package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// page_test.go: the status page in a real browser beside a real sink: what it shows of growth, a halt, and an outage and its recovery.

// awaitMoved waits until the page says that this process moved so many records.
func (b *tab) awaitMoved(want int64) {
	b.t.Helper()
	eventually(b.t, longWait, fmt.Sprint(want, " records to be moved"), func() (bool, string) {
		shown := evaluate[string](b, `[...document.querySelectorAll("#figures > div")].find(d => d.innerText.startsWith("Moved by this process")).querySelector("strong").innerText`)
		return strings.ReplaceAll(shown, ",", "") == fmt.Sprint(want), shown
	})
}

// TestPage holds: the page loads without a word on the console; without being loaded again it shows a count that grows, a halted partition with
// the command that mends it, an outage of PostgreSQL, its end, and the end of the sink.
func TestPage(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	s := newScene(t, 3)
	kept, first, next := s.loseRecords(3)
	relay := startRelay(t, s.url, nil, 0)
	address := closedPort(t)
	p := s.through(relay.url(s.url)).run("--http-addr=" + address)
	s.waitForReadable(address)
	b.open("http://" + address + "/")
	marker := "still the same document"
	evaluate[string](b, `document.marker = "`+marker+`"`)

	stored := int64(len(kept)) - 400
	beforeHalt := stored
	for _, r := range kept {
		if r.record.Partition == 1 && r.record.Offset >= next {
			beforeHalt--
		}
	}
	b.awaitMoved(beforeHalt)
	b.await("state", "1 partition is halted")
	b.await("partition-rows", fmt.Sprintf("offsets [%d,%d) are gone", first, next), fmt.Sprintf("sink reset --to %d --partition %s/1", next, s.topic()))
	b.wantQuiet()
	b.screenshot("page-halted")

	s.start("reset", "--to", fmt.Sprint(next), "--partition", s.topic()+"/1", "--yes").wantExit(0, longWait)
	b.await("state", "Running. PostgreSQL and Kafka answer.")
	b.awaitMoved(stored)
	b.await("totals", "4,079", "321") // 4,400 rides without the lost ones
	more := s.publishRides(500, 3, writeTLC)
	b.awaitMoved(stored + int64(len(more)))

	relay.away()
	s.publishRides(500, 3, writeTLC)
	b.await("state", "PostgreSQL has been away since")
	b.await("servers", "away for", "attempt")
	b.await("totals", "It has not answered since.")
	b.screenshot("page-outage")
	relay.back()
	b.await("state", "Running. PostgreSQL and Kafka answer.")
	b.awaitMoved(stored + 1000)
	eventually(t, longWait, "the outage to be in the charts", func() (bool, string) {
		bands := evaluate[int](b, `document.querySelectorAll("svg .away").length`)
		return bands > 0, fmt.Sprint(bands, " bands")
	})
	if kept := evaluate[string](b, "document.marker"); kept != marker {
		t.Errorf("the page was loaded again")
	}
	b.wantQuiet()
	b.screenshot("page-recovered")

	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	b.await("lost", "has not answered since")
	b.wantQuiet("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
}

// waitForReadable waits until the sink at address answers.
func (s scene) waitForReadable(address string) {
	s.t.Helper()
	eventually(s.t, longWait, "the page to answer", func() (bool, string) {
		status, body := get(s.t, address, "/")
		return status == 200, body
	})
}
