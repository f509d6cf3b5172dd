package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// verify_test.go: sink verify proves what is right, whatever the topic has been through. verify_damage_test.go: it finds what is not.

// verification is what sink verify --json prints, as far as the tests look.
type verification struct {
	Proven      bool                 `json:"proven"`
	Verdict     string               `json:"verdict"`
	Partitions  []verifiedPartition  `json:"partitions"`
	Totals      verifiedCounts       `json:"totals"`
	Differences []verifiedDifference `json:"differences"`
	Notes       []string             `json:"notes"`
	ExitCode    int                  `json:"exit_code"`
}

type verifiedPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	verifiedCounts
	Notes []string `json:"notes"`
}

type verifiedCounts struct {
	Checked     int64 `json:"checked"`
	Equal       int64 `json:"equal"`
	DeadLetters int64 `json:"dead_letters"`
	Tombstones  int64 `json:"tombstones"`
	NotRecords  int64 `json:"not_records"`
	Lost        int64 `json:"lost"`
	Rejected    int64 `json:"rejected"`
	Decodable   int64 `json:"decodable"`
	Missing     int64 `json:"missing"`
	Doubled     int64 `json:"doubled"`
	Different   int64 `json:"different"`
	NoRecord    int64 `json:"no_record"`
	NotCovered  int64 `json:"not_covered"`
	Unreadable  int64 `json:"unreadable"`
	Ledger      int64 `json:"ledger"`
	Unprovable  int64 `json:"unprovable"`
}

type verifiedDifference struct {
	Kind      string `json:"kind"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Column    string `json:"column"`
	Stored    string `json:"stored"`
	Record    string `json:"record"`
	Detail    string `json:"detail"`
}

// verified runs sink verify --json to its end, checks its exit code, and that the verdict says the same.
func (s scene) verified(wantExit int, flags ...string) verification {
	s.t.Helper()
	p := s.start(append([]string{"verify", "--json", "--quiet"}, flags...)...)
	p.wantExit(wantExit, 2*time.Minute)
	var v verification
	if err := json.Unmarshal([]byte(p.stdout.String()), &v); err != nil {
		s.t.Fatalf("what sink verify --json printed is no JSON object: %v: %s", err, tail(p.stdout.String()))
	}
	if proven := wantExit == 0; v.Proven != proven || v.ExitCode != wantExit || strings.HasPrefix(v.Verdict, "proven: ") != proven {
		s.t.Fatalf("exit code %d, and the result says %+v", wantExit, v)
	}
	return v
}

// richRides puts everything that a topic can hold into two partitions, some of it more than once: rides of all dialects, fields that nobody
// declared, bad records with odd keys and headers, tombstones, and transactions, committed and aborted. It returns what must be found.
func (s scene) richRides() verifiedCounts {
	s.t.Helper()
	const partitions = 2
	records := recordsOf(s.t, s.topic(), partitions, madeRides(random(s.t), 1200), writeMixed)
	for i, extra := range []string{
		`"colour": "yellow", "seats": 4, "weight": 1.50, "big": 1e3, "tiny": 12.5e-3`,
		`"z": {"b": [1, 2.0, null, true, {"a": "x"}], "a": "\u00e9\"\\ \u2028", "b": []}`,
		`"same": 1, "same": {"last": "wins"}, "": "no name"`,
		`"airport": "JFK", "nan": NaN, "escaped\u0041": "\ud83d\ude95"`,
	} {
		record := &kgo.Record{Topic: s.topic(), Partition: int32(i % partitions), Value: []byte(`{"PULocationID": 7, "trip_distance": 2.50, ` + extra + `}`), Timestamp: epoch()}
		records = append(records, sent{record: record})
	}
	for i, b := range badValues() {
		records = append(records, sent{fate: isDead, record: &kgo.Record{
			Topic: s.topic(), Partition: int32(i % partitions), Timestamp: epoch(), Key: oddKeys()[i%len(oddKeys())], Value: []byte(b.value(i)), Headers: oddHeaders()[i%len(oddHeaders())],
		}})
		records = append(records, tombstone(s.topic(), int32(i%partitions)))
	}
	client := transactional(s.t, s, "rich")
	begin(s.t, client)
	publish(s.t, client, records[:400])
	end(s.t, client, kgo.TryCommit)
	begin(s.t, client)
	aborted := recordsOf(s.t, s.topic(), partitions, madeRides(random(s.t), 60), writeTLC)
	publish(s.t, client, aborted)
	end(s.t, client, kgo.TryAbort)
	client.Close()
	s.publish(records[400:])
	s.settle()

	want := verifiedCounts{Checked: int64(len(records)), NotRecords: int64(len(aborted)) + 2*partitions} // a marker each
	for _, r := range records {
		switch r.fate {
		case isRide:
			want.Equal++
		case isDead:
			want.DeadLetters++
		case isTombstone:
			want.Tombstones++
		}
	}
	return want
}

// TestVerifyProves holds: after a backfill of everything that a topic can hold verify proves it, and counts each record as what it is; without
// --json it prints a line a partition and the verdict; a topic that nobody read is no proof.
func TestVerifyProves(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	want := s.richRides()
	p := s.start("verify")
	p.wantExit(3, time.Minute)
	if !strings.Contains(p.stderr.String(), "sink backfill") {
		t.Errorf("with nothing read stderr does not say what to do: %s", p.stderr.String())
	}
	s.backfilled(4)
	if v := s.verified(0); v.Totals != want || len(v.Partitions) != 2 || len(v.Differences) != 0 {
		t.Errorf("the result is %+v, want totals %+v", v, want)
	}
	p = s.start("verify")
	p.wantExit(0, time.Minute)
	for _, text := range []string{partitionName(s.topic(), 0), partitionName(s.topic(), 1), "proven: ", "stored exactly once"} {
		if !strings.Contains(p.stdout.String(), text) {
			t.Errorf("the output lacks %q:\n%s", text, p.stdout.String())
		}
	}
	if strings.Contains(p.stdout.String(), "NOT") {
		t.Errorf("the output says NOT:\n%s", p.stdout.String())
	}
}

// TestVerifyAsksForSense holds: flags that cannot be meant are usage errors, each with what is wrong.
func TestVerifyAsksForSense(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"--partition=x":          "rides/3",
		"--partition=/1":         "rides/3",
		"--sample=0":             "1%",
		"--sample=101%":          "1%",
		"--from=-1":              "--from",
		"--to=0":                 "--to",
		"--max-batch-bytes=1024": "--max-batch-bytes",
		"--topics=a,a":           "--topics",
	} {
		p := start(t, []string{"DATABASE_URL=postgres://127.0.0.1:1/x"}, "verify", flag)
		p.wantExit(2, 10*time.Second)
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%s: stderr does not say %q: %s", flag, want, p.stderr.String())
		}
	}
}

// TestVerifyWhileRunning holds: while a sink writes, verify proves what was there when it looked, again and again, and ever more.
func TestVerifyWhileRunning(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	s.publishRides(3000, 3, writeMixed)
	p := s.run()
	conn := s.connect()
	eventually(t, longWait, "the first rides", func() (bool, string) { n := s.countRides(conn); return n > 0, fmt.Sprint(n) })
	producer := s.start("produce", "--topic="+s.topic(), "--synthetic=40000", "--seed=3", "--rate=8000")
	before := int64(-1)
	for round := 0; producer.running() || round < 3; round++ {
		v := s.verified(0)
		if v.Totals.Checked < before {
			t.Errorf("round %d proves %d records, fewer than the %d before", round, v.Totals.Checked, before)
		}
		before = v.Totals.Checked
	}
	producer.wantExit(0, longWait)
	s.waitForEnd(longWait)
	if v := s.verified(0); v.Totals.Equal != 43_000 {
		t.Errorf("at the end the totals are %+v, want 43000 equal", v.Totals)
	}
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
}

// TestVerifyBounds holds: --partition, --from, --to and --sample look at what they name and at nothing else.
func TestVerifyBounds(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.publishRides(30_000, 2, writeTLC)
	s.backfilled(0)
	if v := s.verified(0, "--from=100", "--to=1100"); v.Totals.Equal != 2000 {
		t.Errorf("1000 offsets of two partitions: the totals are %+v", v.Totals)
	}
	sample := s.verified(0, "--sample=30%", "--seed=5").Totals
	if sample.Equal < 2000 || sample.Equal > 16_000 {
		t.Errorf("of 30000 rides 30%% are %d", sample.Equal)
	}
	if again := s.verified(0, "--sample=0.3", "--seed=5").Totals; again != sample {
		t.Errorf("the same seed looks at %+v, and at %+v before", again, sample)
	}
	conn := s.connect()
	for _, sql := range []string{
		"DELETE FROM rides WHERE kafka_partition = 1 AND kafka_offset = 500",
		"INSERT INTO rides SELECT * FROM rides WHERE kafka_partition = 1 AND kafka_offset = 501",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		flags string
		exit  int
	}{
		{"--partition=0", 0},
		{"--partition=1", 5},
		{"--partition=" + partitionName(s.topic(), 0), 0},
		{"--partition=" + partitionName(s.topic(), 1) + " --partition=0", 5},
		{"--from=502", 0},
		{"--from=501", 5},
		{"--to=500", 0},
		{"--to=501", 5},
		{"--from=600 --to=700", 0},
		{"--partition=1 --from=500 --to=501", 5},
	} {
		if v := s.verified(test.exit, strings.Fields(test.flags)...); test.exit == 5 && v.Totals.Missing+v.Totals.Doubled == 0 {
			t.Errorf("%s finds %+v", test.flags, v.Totals)
		}
	}
	// Of many samples those that look at the block find both, the others neither.
	found := 0
	for seed := range 12 {
		p := s.start("verify", "--json", "-q", "--sample=50%", "--partition=1", "--seed="+strconv.Itoa(seed))
		if code := p.wait(longWait); code == 5 {
			found++
			if out := p.stdout.String(); !strings.Contains(out, `"missing": 1`) || !strings.Contains(out, `"doubled": 1`) {
				t.Errorf("seed %d finds only one of the two: %s", seed, out)
			}
		}
	}
	if found == 0 || found == 12 {
		t.Errorf("of 12 samples of a half %d found the damage", found)
	}
	s.start("verify", "--from=1000000").wantExit(2, longWait)
}

// TestVerifyAfterRetention holds: rows below the log start cannot be proven any more, and verify says how many without calling them
// wrong; what is above is still proven, and so is a loss that was accepted.
func TestVerifyAfterRetention(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.publishRides(2000, 2, writeMixed)
	s.backfilled(0)
	deleteBefore(t, s.brokers, place{s.topic(), 1, 700})
	if v := s.verified(0); v.Totals.Unprovable != 700 || v.Totals.Equal != 1300 {
		t.Errorf("after 700 of 2000 records were deleted: %+v", v.Totals)
	}
	s.publishRides(2000, 2, writeMixed)
	deleteBefore(t, s.brokers, place{s.topic(), 1, 1200}) // 200 of them were never read
	s.backfilled(0, "--on-data-loss=skip")
	if v := s.verified(0); v.Totals.Unprovable != 1000 || v.Totals.Equal != 2800 {
		t.Errorf("after 200 of 4000 records were lost and 1000 more deleted: %+v", v.Totals)
	}
	conn := s.connect()
	if _, err := conn.Exec(t.Context(), "DELETE FROM sink_events"); err != nil {
		t.Fatal(err)
	}
	if v := s.verified(5); v.Totals.Ledger != 1 {
		t.Errorf("a loss that no event explains: %+v", v.Differences)
	}
}

// TestVerifyCompacted holds: rows of records that compaction took cannot be proven any more, and are no difference.
func TestVerifyCompacted(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	rides := madeRides(random(t), 3000)
	client := newClient(t, s.brokers)
	var sentAlready int
	add := func(n int) {
		more := recordsOf(t, s.topic(), 1, rides[sentAlready:sentAlready+n], writeTLC)
		for i := range more {
			more[i].record.Timestamp = time.Now().Add(-time.Hour).Truncate(time.Millisecond)
			more[i].record.Key = fmt.Appendf(nil, "%d", (sentAlready+i)%37)
			if i%10 == 9 { // of its own, so it stays
				more[i].record.Key = fmt.Appendf(nil, "%d alone", sentAlready+i)
			}
		}
		publish(t, client, more)
		sentAlready += n
	}
	add(2000)
	s.backfilled(0)
	alterTopics(t, s.brokers, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "200", "max.compaction.lag.ms": "200", "min.compaction.lag.ms": "0",
	}, s.topic())
	eventually(t, 90*time.Second, "the broker to compact the log", func() (bool, string) {
		if sentAlready < 2900 {
			add(1) // a write rolls the segment
		}
		left := len(committed(t, s.brokers, s.topic()))
		return left < 1500, fmt.Sprintf("%d of %d records are left", left, sentAlready)
	})
	v := s.verified(0)
	if v.Totals.Unprovable == 0 || v.Totals.Equal < 200 || v.Totals.Unprovable+v.Totals.Equal != 2000 {
		t.Errorf("of 2000 rows %+v", v.Totals)
	}
}

// TestVerifyAnotherTopic holds: rows of a topic that was deleted and made again are not compared with the new one: verify says what happened.
func TestVerifyAnotherTopic(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int32{2, 1} {
		s := newScene(t, 2)
		s.publishRides(200, 2, writeMixed)
		s.backfilled(0)
		s.makeAgain(partitions)
		s.publishRides(300, int(partitions), writeMixed)
		v := s.verified(5)
		if v.Totals.Ledger < 2 || v.Totals.Unprovable != 200 || v.Totals.Checked != 0 || !strings.Contains(v.Differences[0].Detail, "made again") {
			t.Errorf("made again with %d partitions: %+v", partitions, v)
		}
	}
}

// TestVerifyMemory holds: memory does not grow with the topic.
func TestVerifyMemory(t *testing.T) {
	t.Parallel()
	const rides, wantBytes = 300_000, 80 << 20
	s := newScene(t, 2)
	s.start("produce", "--topic="+s.topic(), "--synthetic="+strconv.Itoa(rides), "--seed=9").wantExit(0, longWait)
	s.backfilled(0)
	p := s.start("verify", "--json")
	peak := p.watchMemory()
	p.wantExit(0, longWait)
	if p.signal(syscall.SIGKILL); peak() == 0 || peak() > wantBytes {
		t.Errorf("%d rides took %d MiB, at most %d are wanted", rides, peak()>>20, wantBytes>>20)
	}
}

// TestVerifyLargeRecords holds: batches that need many times the usual memory are compared too; one above --max-batch-bytes cannot be read, which
// is said with its offset, and what stands behind it is still compared.
func TestVerifyLargeRecords(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.publishRides(300, 1, writeTLC)
	large := recordsOf(t, s.topic(), 1, madeRides(random(t), 3), writeTLC)
	for i, spaces := range []int{3 << 20, 20 << 20, 1 << 20} {
		large[i] = padded(large[i], spaces)
	}
	large[2].record.Value = append(large[2].record.Value, " no ride any more"...)
	s.publishLarge(large)
	s.publishRides(300, 1, writeSnake)
	s.backfilled(4)
	if v := s.verified(0); v.Totals.Equal != 602 || v.Totals.DeadLetters != 1 {
		t.Errorf("the totals are %+v", v.Totals)
	}
	v := s.verified(5, "--max-batch-bytes=4194304")
	want := verifiedDifference{Kind: "unreadable", Topic: s.topic(), Offset: large[1].record.Offset, Detail: v.Differences[0].Detail}
	if v.Differences[0] != want || v.Totals.Unreadable != 1 || v.Totals.Unprovable != 1 || v.Totals.Equal != 601 {
		t.Errorf("with a batch above the limit: %+v", v)
	}
}

// TestVerifyRetriedLater holds: a dead letter that today's binary would make a row of is kept byte for byte, so it is no difference, and is
// mentioned; topics are told apart.
func TestVerifyRetriedLater(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 2)
	records := s.publishRides(50, 1, writeTLC)
	more := recordsOf(t, s.topics[1], 2, madeRides(random(t), 70), writeSnake)
	s.publish(more)
	s.backfilled(0)
	conn := s.connect()
	old := records[20].record
	for _, statement := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM rides WHERE kafka_topic = $1 AND kafka_offset = $2", []any{old.Topic, old.Offset}},
		{`INSERT INTO sink_dead_letters (kafka_topic, kafka_partition, kafka_offset, kafka_timestamp, record_key, record_value, reason, error)
			VALUES ($1, 0, $2, $3, $4, $5, 'wrong_type', 'an older binary said so')`, []any{old.Topic, old.Offset, old.Timestamp, old.Key, old.Value}},
		{"UPDATE sink_ledger SET inserted = inserted - 1, dead_lettered = 1 WHERE kafka_topic = $1", []any{old.Topic}},
	} {
		if _, err := conn.Exec(t.Context(), statement.sql, statement.args...); err != nil {
			t.Fatal(err)
		}
	}
	v := s.verified(0)
	if want := (verifiedCounts{Checked: 120, Equal: 119, DeadLetters: 1, Decodable: 1}); v.Totals != want || len(v.Partitions) != 3 {
		t.Errorf("the result is %+v, want totals %+v in 3 partitions", v, want)
	}
	if !strings.Contains(strings.Join(v.Notes, "\n"), "sink deadletters retry") {
		t.Errorf("the notes do not say what to do: %q", v.Notes)
	}
	if v := s.verified(0, "--topics="+s.topics[1]); v.Totals.Equal != 70 {
		t.Errorf("the second topic alone: %+v", v.Totals)
	}
	if v := s.verified(0, "--partition="+partitionName(s.topics[1], 1)); v.Totals.Equal != 35 {
		t.Errorf("one partition of the second topic: %+v", v.Totals)
	}
}

// TestVerifyExplains holds: a ledger that is behind Kafka's committed offset, or behind the log, is explained, and is no difference.
func TestVerifyExplains(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.publishRides(100, 1, writeTLC)
	s.backfilled(0)
	conn := s.connect()
	for _, sql := range []string{"DELETE FROM rides WHERE kafka_offset >= 60", "UPDATE sink_ledger SET next_offset = 60, inserted = 60, last_offset = NULL"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil { // as a database restored from a backup
			t.Fatal(err)
		}
	}
	v := s.verified(0)
	notes := strings.Join(v.Partitions[0].Notes, "\n")
	for _, words := range []string{"40 offsets behind", "committed offset of group " + s.group + " is 100", "restored"} {
		if !strings.Contains(notes, words) {
			t.Errorf("the notes do not say %q: %s", words, notes)
		}
	}
	if v.Totals.Equal != 60 {
		t.Errorf("the totals are %+v", v.Totals)
	}
}
