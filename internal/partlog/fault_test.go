package partlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault_test.go: rows of docs/reliability.md that no real broker can be made to play: every error code, connections cut in every part of a
// response, a broker that never answers, damaged batches, fetches given up. Each case ends with the log read whole.

// The names that internal/e2e gives these rows.
const (
	rowFetchErrors    = "every fetch error, connections to brokers cut at every class of byte, a broker that never answers"
	rowDamagedBatches = "batches that are damaged, bombs, of absurd lengths or of an old format"
	rowFetchCancelled = "fetches given up in the middle of a response"
)

// cases is how many cases this run plays: short, or all with TEST_FULL.
func cases(short, all int) int {
	if os.Getenv("TEST_FULL") != "" {
		return all
	}
	return short
}

// caseDone counts a case of a row in the file that TEST_FAULTS_REPORT names, as internal/e2e does.
func caseDone(t *testing.T, row string, progress time.Duration) {
	t.Helper()
	path := os.Getenv("TEST_FAULTS_REPORT")
	if path == "" || t.Failed() {
		return
	}
	line, err := json.Marshal(map[string]any{"row": row, "cases": 1, "lost": 0, "doubled": 0, "progress_seconds": progress.Seconds()})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = file.Write(append(line, '\n'))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatalf("TEST_FAULTS_REPORT: %v", err)
	}
}

// seeded is a generator of t's own. TEST_SEED replays it.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("TEST_SEED"); given != "" {
		n, err := strconv.ParseUint(given, 10, 64)
		if err != nil {
			t.Fatalf("TEST_SEED is %q: it must be a whole number", given)
		}
		seed = n
	}
	t.Logf("replay with TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// readWhole reads [first, next) in as many fetches as it takes, however many of them fail in a way that waiting mends, and fails the test unless each
// offset comes once. Its values must be the offsets.
func readWhole(t *testing.T, r *Reader, first, next int64) {
	t.Helper()
	var f *Fetched
	patience, pause := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer pause.Stop()
	for position := first; position < next; {
		got, err := r.Fetch(t.Context(), position, testOptions(), f)
		if err != nil {
			if !Retriable(err) {
				t.Fatalf("at %d: %v", position, err)
			}
			f = nil
			select {
			case <-pause.C:
				continue
			case <-patience:
				t.Fatalf("at %d, after 30 s: %v", position, err)
			}
		}
		f = got
		for _, k := range drain(t, f) {
			if k.Offset != position || string(k.Value) != fmt.Sprint(position) {
				t.Fatalf("at %d came offset %d with %q", position, k.Offset, k.Value)
			}
			position++
		}
		if f.Err() != nil || f.Next() != position {
			t.Fatalf("at %d: ends at %d, %v", position, f.Next(), f.Err())
		}
	}
}

// TestFaultFetchErrors holds: every error code that a fetch can be answered with either goes away when the log is asked for again, and nothing is
// skipped, or is an error that stops.
func TestFaultFetchErrors(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	var refuse atomic.Int32 // the code of the next answer; 0: none
	batches := join(plain(0, 5), plain(5, 5))
	forge(c, func(p *kmsg.FetchResponseTopicPartition) {
		p.HighWatermark, p.LastStableOffset = 10, 10
		if p.ErrorCode = int16(refuse.Swap(0)); p.ErrorCode == 0 {
			p.RecordBatches = batches
		}
	})
	r := testLog(t, c.ListenAddrs()).Partition(fakeTopic, 0)
	for range cases(1, 20) {
		for code := int16(-1); code <= 133; code++ {
			if code == codeNone {
				continue
			}
			refuse.Store(int32(code))
			if _, err := r.Fetch(t.Context(), 0, testOptions(), nil); err == nil || Retriable(err) != (retriableCode(code) || code == codeOffsetOutOfRange) {
				t.Fatalf("code %d: %v; retriable: %v", code, err, Retriable(err))
			}
			began := time.Now()
			readWhole(t, r, 0, 10)
			caseDone(t, rowFetchErrors, time.Since(began))
		}
	}
}
