package e2e

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// million_test.go measures: a million synthetic rides as a user would move them. It runs with TEST_MILLION=1 only.

// BenchmarkMillion reports rows/s and the sink's peak memory for 1,000,000 synthetic rides of dialect A in four partitions: the best and the
// most of three rounds. It fails below 350,000 rows/s and above 256 MiB.
func BenchmarkMillion(b *testing.B) {
	if os.Getenv("TEST_MILLION") == "" {
		b.Skip("takes a machine of its own: runs with TEST_MILLION=1 only")
	}
	for b.Loop() {
		rate, peak := million(b)
		b.ReportMetric(rate, "rows/s")
		b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	}
}

func million(t testing.TB) (best float64, most int64) {
	t.Helper()
	const rides, wantPerSecond, wantBytes = 1_000_000, 350_000, 256 << 20
	s := newScene(t, 4)
	began := time.Now()
	s.start("produce", "--topic="+s.topic(), "--dialect=tlc", "--synthetic="+strconv.Itoa(rides), "--seed=1").wantExit(0, 5*time.Minute)
	t.Logf("produced in %.1f s", time.Since(began).Seconds())
	for round := range 3 {
		conn := s.connect()
		if _, err := conn.Exec(t.Context(), "TRUNCATE rides, sink_ledger, sink_dead_letters; CHECKPOINT"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p := s.start("backfill", "--json")
		peak := p.watchMemory()
		p.wantExit(0, 5*time.Minute)
		sum := summaryOf(t, p)
		if got := s.countRides(conn); got != rides || sum.Totals.Inserted != rides {
			t.Fatalf("%d rides in the table, %d in the summary, want %d", got, sum.Totals.Inserted, rides)
		}
		rate := rides / sum.TookSeconds
		best, most = max(best, rate), max(most, peak())
		t.Logf("round %d: %.0f rows/s (took %.2f s, the process lived %.2f s), peak resident %.0f MiB, cpu %.2f us a ride; the machine's load is %s",
			round+1, rate, sum.TookSeconds, time.Since(began).Seconds(), float64(peak())/(1<<20), float64(p.cpu().Microseconds())/rides, load(t))
	}
	if most > wantBytes {
		t.Errorf("the sink had %d MiB resident, at most %d are wanted", most>>20, wantBytes>>20)
	}
	if best < wantPerSecond {
		t.Errorf("%.0f rows/s at best, %d are wanted; measure on a machine that does nothing else", best, wantPerSecond)
	}
	return best, most
}

// load is how many processes want a processor, over 1, 5 and 15 minutes.
func load(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(content))[:3], " ")
}
