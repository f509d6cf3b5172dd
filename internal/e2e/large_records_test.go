package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// large_records_test.go: batches beyond what is usual, up to the limit and over it.

// padded is a ride's record with so many spaces in it.
func padded(r sent, spaces int) sent {
	value := bytes.TrimSuffix(r.record.Value, []byte("}"))
	r.record.Value = append(append(value, bytes.Repeat([]byte(" "), spaces)...), '}')
	return r
}

// publishLarge publishes records each in a batch of its own, whatever its size, compressed with gzip.
func (s scene) publishLarge(records []sent) {
	s.t.Helper()
	alterTopics(s.t, s.brokers, map[string]string{"max.message.bytes": "67108864"}, s.topics...)
	client := newClient(s.t, s.brokers, kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(64<<20), kgo.BrokerMaxWriteBytes(96<<20))
	for i := range records {
		publish(s.t, client, records[i:i+1])
	}
	client.Close()
}

// TestLargeRecords holds: records of up to many megabytes, which compress to a few kilobytes, are stored among others, also with a small
// memory budget.
func TestLargeRecords(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(300, 2, writeTLC)
	var large []sent
	for i, r := range recordsOf(t, s.topic(), 2, madeRides(random(t), 8), writeTLC) {
		large = append(large, padded(r, []int{0, 1 << 20, 5 << 20, 20 << 20}[i%4]))
	}
	s.publishLarge(large)
	records = append(append(records, large...), s.publishRides(300, 2, writeSnake)...)
	p := s.backfill("--memory-bytes=4194304")
	peak := p.watchMemory()
	p.wantExit(0, longWait)
	summaryOf(t, p)
	s.checkStored(records)
	s.checkAtEnd(t)
	checkPeak(t, peak())
}

// checkPeak fails the test if a sink had more memory resident than it is promised to need. The race detector needs several times that.
func checkPeak(t testing.TB, bytes int64) {
	t.Helper()
	const limit = 256 << 20
	t.Logf("peak resident %d MiB", bytes>>20)
	if bytes > limit && os.Getenv(raceVariable) == "" {
		t.Errorf("%d MiB were resident, at most %d are wanted", bytes>>20, limit>>20)
	}
}

// TestBatchBeyondTheLimit holds: a batch that is larger than --max-batch-bytes once it is decompressed halts its partition with its
// place and the flag; what stands before it is stored, and so are the other partitions; with a higher limit the partition goes on.
func TestBatchBeyondTheLimit(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	before := s.publishRides(200, 2, writeTLC)
	bomb := padded(recordsOf(t, s.topic(), 1, madeRides(random(t), 1), writeTLC)[0], 40<<20)
	s.publishLarge([]sent{bomb})
	after := s.publishRides(200, 2, writeSnake)
	stored := append([]sent{}, before...)
	for _, r := range after {
		if r.record.Partition == 1 {
			stored = append(stored, r)
		}
	}
	p := s.backfill()
	peak := p.watchMemory()
	p.wantExit(1, longWait)
	sum := summaryOf(t, p)
	s.checkStored(stored)
	reason := sum.of(t, s.topic(), 0).HaltedReason
	for _, word := range []string{fmt.Sprint(bomb.record.Offset), "--max-batch-bytes"} {
		if !strings.Contains(reason, word) {
			t.Errorf("the summary does not say %q: %q", word, reason)
		}
	}
	if state := sum.of(t, s.topic(), 1).State; state != "done" {
		t.Errorf("the other partition is %s", state)
	}
	checkPeak(t, peak())

	s.backfilled(0, "--max-batch-bytes=67108864")
	s.checkStored(append(append(before, bomb), after...))
	s.checkAtEnd(t)
}

// TestUndeclaredFields holds: fields that nobody declared are kept in extra_fields as they came.
func TestUndeclaredFields(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := recordsOf(t, s.topic(), 1, madeRides(random(t), 100), writeSnake)
	for i := range records {
		value := bytes.TrimSuffix(records[i].record.Value, []byte("}"))
		records[i].record.Value = append(value, `, "note": "caf\u00e9", "n": 1.50, "deep": {"list": [1, null, NaN, true]}}`...)
		records[i].row[extraFields] = `{"n": 1.50, "deep": {"list": [1, null, null, true]}, "note": "café"}`
	}
	s.publish(records)
	s.backfilled(0)
	s.checkStored(records)
}
