package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// consume reads n records of a topic with another client.
func consume(t *testing.T, brokers []string, topic string, n int) []*kgo.Record {
	t.Helper()
	var records []*kgo.Record
	consumeWhile(t, brokers, topic, func(r *kgo.Record) (more bool) {
		records = append(records, r)
		return len(records) < n
	})
	return records
}

// consumeWhile reads a topic with another client as long as it should, a minute at most.
func consumeWhile(t *testing.T, brokers []string, topic string, each func(*kgo.Record) (more bool)) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	read := 0
	for more := true; more; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("only %d records came: %v", read, err)
		}
		for _, r := range fetches.Records() { // all of them: what is there too much shows
			read++
			more = each(r) && more
		}
	}
}

// fakeKafka is enough where the broker is not what is tested.
func fakeKafka(t *testing.T) []string {
	t.Helper()
	fake, err := localenv.StartFakeKafka(localenv.FakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fake.Stop(); err != nil {
			t.Error(err)
		}
	})
	return fake.Brokers()
}

// produced runs sink produce --json and returns its summary.
func produced(t *testing.T, brokers []string, args ...string) produceSummary {
	t.Helper()
	code, stdout, stderr := command(t, append([]string{"produce", "--json", "--log-level=error", "--brokers", strings.Join(brokers, ",")}, args...)...)
	if code != exitDone || stderr != "" {
		t.Fatalf("produce %q: exit code %d, stderr %s", args, code, stderr)
	}
	var sum produceSummary
	if err := json.Unmarshal([]byte(stdout), &sum); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	return sum
}

// TestProduceSynthetic: every ride arrives once in the form asked for, with its key, and the summary says how many where.
func TestProduceSynthetic(t *testing.T) {
	t.Parallel()
	brokers := fakeKafka(t)
	const n = 3000
	for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		dialect := schema.Dialects()[i+1]
		t.Run(fmt.Sprintf("%s in %s", dialect, codec), func(t *testing.T) {
			t.Parallel()
			topic := "rides-" + codec
			sum := produced(t, brokers, "--topic", topic, "--partitions=3", "--dialect", dialect.String(), "--compression", codec, "--synthetic", fmt.Sprint(n), "--seed=5")
			want, taxi := map[string]int{}, synthetic.Yellow
			if dialect == schema.GreenCSV || dialect == schema.GreenFrame {
				taxi = synthetic.Green
			}
			generator := synthetic.New(5, taxi)
			var bytes int64
			for range n {
				ride := generator.Next()
				value, err := ride.AppendJSON(nil, dialect)
				if err != nil {
					t.Fatal(err)
				}
				pair := fmt.Sprintf("%d %s", ride.PickupLocationID.Value, value)
				want[pair]++
				bytes += int64(len(pair) - 1)
			}
			perPartition, partitionOf := map[int]int64{}, map[string]int32{}
			for _, r := range consume(t, brokers, topic, n) {
				want[string(r.Key)+" "+string(r.Value)]--
				perPartition[int(r.Partition)]++
				if p, seen := partitionOf[string(r.Key)]; seen && p != r.Partition {
					t.Fatalf("key %s is in partitions %d and %d", r.Key, p, r.Partition)
				}
				partitionOf[string(r.Key)] = r.Partition
			}
			for pair, left := range want {
				if left != 0 {
					t.Fatalf("%d too few of %s", left, pair)
				}
			}
			if sum.Records != n || sum.Bytes != bytes || len(sum.Partitions) != 3 {
				t.Errorf("summary %+v, want %d records of %d bytes in 3 partitions", sum, n, bytes)
			}
			for _, p := range sum.Partitions {
				if p.Records != perPartition[p.Partition] {
					t.Errorf("summary %+v, but the partitions hold %v", sum, perPartition)
				}
			}
		})
	}
}

func TestProduceKeys(t *testing.T) {
	t.Parallel()
	brokers := fakeKafka(t)
	for key, check := range map[string]func([]byte) bool{
		"none":   func(key []byte) bool { return key == nil },
		"random": func(key []byte) bool { return len(key) > 5 },
	} {
		sum := produced(t, brokers, "--topic", key, "--partitions=2", "--key", key, "--synthetic=500")
		for _, p := range sum.Partitions {
			if p.Records < 100 {
				t.Errorf("key %s: the partitions are not even: %+v", key, sum)
			}
		}
		for _, r := range consume(t, brokers, key, 500) {
			if !check(r.Key) {
				t.Fatalf("key %s: a record has the key %q", key, r.Key)
			}
		}
	}
}

// TestProduceRealRides sends the TLC's own rides through the real broker, whose topic it makes, and reads every field back as the CSV has it.
func TestProduceRealRides(t *testing.T) {
	t.Parallel()
	path := os.Getenv("RIDESINK_RIDES_CSV")
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "data", "rides.csv")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no file of real rides: name one with RIDESINK_RIDES_CSV: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	header := strings.Split(lines[0], ",")
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 4)
	sum := produced(t, brokers, "--topic", topic, "--compression=zstd", path)
	if sum.Records != int64(len(lines)-1) || len(sum.Partitions) != 4 {
		t.Fatalf("summary %+v, want %d records", sum, len(lines)-1)
	}
	want := map[string]int{}
	for _, line := range lines[1:] {
		want[canonical(t, header, strings.Split(line, ","))]++
	}
	for _, r := range consume(t, brokers, topic, len(lines)-1) {
		var fields map[string]any
		decoder := json.NewDecoder(strings.NewReader(string(r.Value)))
		decoder.UseNumber()
		if err := decoder.Decode(&fields); err != nil {
			t.Fatalf("%v: %s", err, r.Value)
		}
		values := make([]string, len(header))
		for i, name := range header {
			if fields[name] != nil {
				values[i] = fmt.Sprint(fields[name])
			}
		}
		want[canonical(t, header, values)]--
	}
	for line, left := range want {
		if left != 0 {
			t.Errorf("%d too few of %s", left, line)
		}
	}
}

// canonical is a line with .30 as 0.30.
func canonical(t *testing.T, header, values []string) string {
	t.Helper()
	if len(values) != len(header) {
		t.Fatalf("%d values for %d names", len(values), len(header))
	}
	var line strings.Builder
	for _, value := range values {
		if strings.HasPrefix(value, ".") {
			value = "0" + value
		}
		line.WriteString(value + ",")
	}
	return line.String()
}

func TestProduceTopic(t *testing.T) {
	t.Parallel()
	brokers := localenv.Brokers(t)
	absent := fmt.Sprintf("produce-%d", time.Now().UnixNano())
	for _, tt := range []struct {
		scenario string
		args     []string
		code     int
		stderr   string
	}{
		{"an absent topic is not created unasked", []string{"--topic", absent}, exitEnvironment, "--partitions N"},
		{"a topic that no broker would create", []string{"--topic", "no/topic", "--partitions=1"}, exitEnvironment, "no/topic"},
		{"more partitions than it has are not made", []string{"--topic", localenv.Topic(t, 1), "--partitions=2"}, exitDone, "another number"},
	} {
		code, stdout, stderr := command(t, append([]string{"produce", "--synthetic=10", "--log-level=warn", "--brokers", strings.Join(brokers, ",")}, tt.args...)...)
		if code != tt.code || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: exit code %d, stdout %s, stderr %s", tt.scenario, code, stdout, stderr)
		}
	}
}

// TestProduceBadLine: what stood before the bad line is sent, counted, and said so.
func TestProduceBadLine(t *testing.T) {
	t.Parallel()
	brokers := fakeKafka(t)
	path := filepath.Join(t.TempDir(), "rides.csv")
	if err := os.WriteFile(path, []byte("PULocationID,DOLocationID\n1,2\n3,4\n5,x\n7,8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, "produce", "--log-level=error", "--brokers", brokers[0], "--topic=rides", "--partitions=1", path)
	if code != exitFailed || !strings.Contains(stderr, "rides.csv: line 4: dropoff_location_id") || !strings.Contains(stderr, "2 rides were acknowledged") {
		t.Errorf("exit code %d, stderr %s", code, stderr)
	}
	if !strings.Contains(stdout, "2 rides in ") {
		t.Errorf("stdout %s", stdout)
	}
	if got := len(consume(t, brokers, "rides", 2)); got != 2 {
		t.Errorf("%d records arrived", got)
	}
}

// endless is a source that calls at after each ride and never ends.
type endless struct {
	generator *synthetic.Generator
	read      int
	at        func(read int)
}

func (e *endless) next() (schema.Ride, error) {
	e.read++
	e.at(e.read)
	return e.generator.Next(), nil
}

func (*endless) Close() error { return nil }

// newTestSender returns a sender to a topic that it makes.
func newTestSender(t *testing.T, brokers []string, topic string) *sender {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	produced(t, brokers, "--topic", topic, "--partitions=2", "--synthetic=1")
	transport := &kafka.Transport{MetadataTopics: []string{topic}}
	t.Cleanup(transport.CloseIdleConnections)
	return newSender(brokers, topic, 2, 0, true, transport, log)
}

// TestProduceStops: a signal ends it, and what was acknowledged is what is in the topic.
func TestProduceStops(t *testing.T) {
	t.Parallel()
	brokers := fakeKafka(t)
	s := newTestSender(t, brokers, "rides")
	ctx, cancel := context.WithCancelCause(t.Context())
	rides := &endless{generator: synthetic.New(1, synthetic.Yellow), at: func(read int) {
		if read == 3*chunkRecords {
			cancel(errSignal)
		}
	}}
	p := pump{rides: rides, sender: s, encoder: jsonEncoder(t), key: "pickup", log: slog.New(slog.DiscardHandler)}
	if err := p.run(ctx); !errors.Is(err, errSignal) {
		t.Fatalf("error %v, want %v", err, errSignal)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	records := summarize("rides", s.counted(), time.Second).Records
	if records < chunkRecords || records > int64(rides.read) {
		t.Errorf("%d rides were acknowledged, %d read", records, rides.read)
	}
	if got := len(consume(t, brokers, "rides", int(records)+1)); int64(got) != records+1 { // and the one that made the topic
		t.Errorf("%d records are in the topic, %d were acknowledged", got, records)
	}
}

func TestProduceRate(t *testing.T) {
	t.Parallel()
	sum := produced(t, fakeKafka(t), "--partitions=1", "--synthetic=150", "--rate=300")
	if sum.TookSeconds < 0.4 || sum.TookSeconds > 5 {
		t.Errorf("150 rides at 300 a second took %.2f s", sum.TookSeconds)
	}
}

func TestWorthRetrying(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scenario string
		err      error
		want     bool
	}{
		{"a leader that moved", kafka.NotLeaderForPartition, true},
		{"too few replicas in sync", fmt.Errorf("%w: two of three", kafka.NotEnoughReplicas), true},
		{"a connection that broke", io.ErrUnexpectedEOF, true},
		{"a broker that does not let us", kafka.TopicAuthorizationFailed, false},
		{"a record larger than the broker takes", kafka.MessageSizeTooLarge, false},
		{"a record larger than the writer takes", kafka.MessageTooLargeError{}, false},
	} {
		if got := worthRetrying(tt.err); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.scenario, got, tt.want)
		}
	}
}

func TestRateThatIsNoNumber(t *testing.T) {
	t.Parallel()
	c := produceCmd{Synthetic: 1, Topic: "rides", Rate: math.NaN()}
	if err := c.check(); exitCode(err) != exitUsage {
		t.Errorf("error %v", err)
	}
}

// TestProduceThroughAnOutage: 1. connections are cut while rides are on their way, 2. for a while no broker can be reached, 3. it can again.
// Every ride is in the topic at the end, at least once.
func TestProduceThroughAnOutage(t *testing.T) {
	t.Parallel()
	brokers := fakeKafka(t)
	const topic, n = "rides", chunkRecords + 1000
	produced(t, brokers, "--topic", topic, "--partitions=2", "--synthetic=1", "--seed=99")

	var mu sync.Mutex
	var open []net.Conn
	refuse := 0
	transport := &kafka.Transport{MetadataTopics: []string{topic}, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		mu.Lock()
		defer mu.Unlock()
		if refuse > 0 && err == nil {
			refuse--
			return nil, errors.Join(errors.New("the test refuses"), conn.Close())
		}
		open = append(open, conn)
		return conn, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	s := newSender(brokers, topic, 2, 0, true, transport, slog.New(slog.DiscardHandler))
	source := newSyntheticSource(n, 4, schema.TLC)
	p := pump{sender: s, encoder: jsonEncoder(t), key: "pickup", log: slog.New(slog.DiscardHandler), rides: &hooked{source: source, at: func(left int64) {
		if left == n-chunkRecords-500 { // rides of the second chunk: the first chunk is on its way
			mu.Lock()
			defer mu.Unlock()
			refuse = 12 // more than the writer's own attempts
			for _, conn := range open {
				_ = conn.Close() // that is the fault
			}
		}
	}}}
	if err := errors.Join(p.run(t.Context()), s.close()); err != nil {
		t.Fatal(err)
	}
	if records := summarize(topic, s.counted(), time.Second).Records; records != n {
		t.Errorf("%d rides were acknowledged, want %d", records, n)
	}
	missing := map[string]int{}
	generator := synthetic.New(4, synthetic.Yellow)
	for range n {
		ride := generator.Next()
		value, err := ride.AppendJSON(nil, schema.TLC)
		if err != nil {
			t.Fatal(err)
		}
		missing[string(value)]++
	}
	consumeWhile(t, brokers, topic, func(r *kgo.Record) (more bool) {
		if missing[string(r.Value)]--; missing[string(r.Value)] <= 0 {
			delete(missing, string(r.Value)) // a second copy is allowed
		}
		return len(missing) > 0
	})
}

// hooked is a synthetic source that calls at after each ride.
type hooked struct {
	source *syntheticSource
	at     func(left int64)
}

func (h *hooked) next() (schema.Ride, error) {
	ride, err := h.source.next()
	h.at(h.source.left)
	return ride, err
}

func (*hooked) Close() error { return nil }
