package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
	"ridesink/migrations"
)

// patience is how long a test waits for something that should happen at once.
const patience = 60 * time.Second

// fixture is a topic and a database of one test's own.
type fixture struct {
	t        *testing.T
	topic    string
	brokers  []string
	url      string
	db       *pgx.Conn
	producer *kgo.Client
	log      *testLog
}

func newFixture(t *testing.T, partitions int) *fixture {
	t.Helper()
	f := &fixture{t: t, brokers: localenv.Brokers(t), topic: localenv.Topic(t, partitions), url: localenv.Database(t), log: &testLog{t: t}}
	if _, _, err := migrations.Up(t.Context(), f.url); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.db, err = pgx.Connect(t.Context(), f.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.db.Close(context.Background()) })
	f.connect()
	return f
}

// connect makes a new producer, which sees the topic as it is now.
func (f *fixture) connect() {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...), kgo.DefaultProduceTopic(f.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(client.Close)
	f.producer = client
}

// patiently repeats what fails for a moment.
func (f *fixture) patiently(what string, try func() error) {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: %v", what, err)
		}
		sleep(f.t.Context(), 20*time.Millisecond)
	}
}

// recreate deletes the topic and makes it again with one partition.
func (f *fixture) recreate() {
	f.t.Helper()
	if _, err := f.admin().DeleteTopic(f.t.Context(), f.topic); err != nil {
		f.t.Fatal(err)
	}
	var made kadm.CreateTopicResponse
	f.patiently("make the topic again", func() (err error) { // the deletion takes a moment
		made, err = f.admin().CreateTopic(f.t.Context(), 1, 1, nil, f.topic)
		return err
	})
	f.patiently("see it on the broker", func() error {
		known, err := f.admin().ListTopics(f.t.Context(), f.topic)
		if err == nil && known[f.topic].ID != made.ID {
			err = fmt.Errorf("its id is %s, want %s", known[f.topic].ID, made.ID)
		}
		return err
	})
	f.connect()
}

// config is a configuration for the fixture's servers, with a group of its own.
func (f *fixture) config() Config {
	cfg := DefaultConfig()
	cfg.Brokers, cfg.Topics, cfg.Group, cfg.DatabaseURL = f.brokers, []string{f.topic}, f.topic, f.url
	cfg.WatchInterval = 200 * time.Millisecond
	cfg.Logger = slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return cfg
}

// sink makes a Sink that the test's end closes.
func (f *fixture) sink(cfg Config) *Sink {
	f.t.Helper()
	s, err := New(cfg, prometheus.NewPedanticRegistry())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(s.Close)
	return s
}

// backfill runs one backfill to its end.
func (f *fixture) backfill(cfg Config) *Summary {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	sum, err := f.sink(cfg).Backfill(ctx, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range sum.Partitions {
		if p.NextOffset-p.FirstOffset != p.Sum() {
			f.t.Errorf("%s/%d: next %d - first %d is not the sum of %+v", p.Topic, p.Partition, p.NextOffset, p.FirstOffset, p.Counts)
		}
	}
	return sum
}

// run runs a sink until the returned function is called, which waits for its end and returns its error.
func (f *fixture) run(cfg Config) (s *Sink, stop func() error) {
	f.t.Helper()
	s = f.sink(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { ended <- s.Run(ctx) })
	stop = sync.OnceValue(func() error {
		cancel()
		running.Wait()
		return <-ended
	})
	f.t.Cleanup(func() {
		if err := stop(); err != nil && !errors.Is(err, ErrHalted) {
			f.t.Errorf("Run ended with %v", err)
		}
	})
	return s, stop
}

// send produces values to one partition and waits until the broker has them. nil is a tombstone.
func (f *fixture) send(partition int32, values ...[]byte) {
	f.t.Helper()
	records := make([]*kgo.Record, 0, len(values))
	for i, v := range values {
		records = append(records, &kgo.Record{Partition: partition, Key: fmt.Append(nil, i), Value: v})
	}
	if err := f.producer.ProduceSync(f.t.Context(), records...).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// rides are n small rides, told apart by their vendor.
func rides(first, n int) [][]byte {
	values := make([][]byte, 0, n)
	for i := range n {
		values = append(values, fmt.Appendf(nil, `{"VendorID": %d, "tpep_pickup_datetime": "2020-07-01 00:25:32", "total_amount": 9.30}`, first+i))
	}
	return values
}

// count asks the database for one number.
func (f *fixture) count(sql string, args ...any) (n int) {
	f.t.Helper()
	if err := f.db.QueryRow(f.t.Context(), sql, args...).Scan(&n); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	if _, err := f.db.Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
}

// eventually waits until the query's number is want.
func (f *fixture) eventually(want int, sql string) {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got := f.count(sql)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s = %d after %s, want %d\n%s", sql, got, patience, want, f.log)
		}
		sleep(f.t.Context(), 20*time.Millisecond)
	}
}

// waitForHalt waits until a partition is halted for a reason that says why.
func (f *fixture) waitForHalt(s *Sink, why string) {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	for err := s.Ready(); err == nil || !strings.Contains(err.Error(), why); err = s.Ready() {
		if time.Now().After(deadline) {
			f.t.Fatalf("ready says %v, want a halt that says %q\n%s", err, why, f.log)
		}
		sleep(f.t.Context(), 20*time.Millisecond)
	}
}

// admin administers the fixture's brokers.
func (f *fixture) admin() *kadm.Client { return kadm.NewClient(f.producer) }

// testLog keeps what a sink logs, for failures and for tests of the log itself.
type testLog struct {
	t  *testing.T
	mu sync.Mutex
	b  strings.Builder
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
