package partlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fake_test.go: a broker in the process whose answers are forged: what a real one cannot be made to say.

const fakeTopic = "rides"

// fakeBrokers starts brokers with the topic "rides" of four partitions.
func fakeBrokers(t *testing.T, brokers int, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(brokers), kfake.SeedTopics(4, fakeTopic)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// testLog is a Log of brokers that is closed with the test, like its connections.
func testLog(tb testing.TB, brokers []string, change ...func(*Config)) *Log {
	tb.Helper()
	transport := &kafka.Transport{MetadataTTL: 2 * time.Second, DialTimeout: 2 * time.Second}
	tb.Cleanup(transport.CloseIdleConnections)
	cfg := Config{Brokers: brokers, Transport: transport, ClientID: "partlog-test", Timeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	l, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func testOptions() FetchOptions {
	return FetchOptions{MaxBytes: 1 << 20, BufferBytes: 1 << 20, MaxWait: 200 * time.Millisecond}
}

// produceTo sends values to one partition of fakeTopic and waits for them.
func produceTo(tb testing.TB, brokers []string, partition int32, values ...string) {
	tb.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite())
	if err != nil {
		tb.Fatal(err)
	}
	defer client.Close()
	for _, v := range values {
		if err := client.ProduceSync(tb.Context(), &kgo.Record{Topic: fakeTopic, Partition: partition, Value: []byte(v)}).FirstErr(); err != nil {
			tb.Fatal(err)
		}
	}
}

// forge lets f change every answer to a Fetch of this package; the broker's own are empty.
func forge(c *kfake.Cluster, f func(*kmsg.FetchResponseTopicPartition)) {
	c.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		request := r.(*kmsg.FetchRequest)
		response := request.ResponseKind().(*kmsg.FetchResponse)
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = request.Topics[0].Topic
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition = request.Topics[0].Partitions[0].Partition
		p.HighWatermark, p.LastStableOffset, p.LogStartOffset = 1000, 1000, 0
		f(&p)
		topic.Partitions = append(topic.Partitions, p)
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
}

func TestEveryErrorCodeIsDecided(t *testing.T) {
	t.Parallel()
	retried := []int16{-1, 3, 5, 6, 7, 8, 9, 13, 56, 72, 74, 75, 76, 78, 89, 100}
	for code := int16(-1); code <= 140; code++ {
		if code == codeNone {
			continue
		}
		err := fmt.Errorf("wrapped: %w", brokerError("fetch rides/7", code))
		if want := slices.Contains(retried, code); Retriable(err) != want {
			t.Errorf("%v: retriable is %v, want %v", err, !want, want)
		}
		if want := code == 3 || code == 100; errors.Is(err, ErrUnknownTopic) != want {
			t.Errorf("%v is ErrUnknownTopic: %v, want %v", err, !want, want)
		}
		if want := code == 29 || code == 31; errors.Is(err, ErrNotAuthorized) != want {
			t.Errorf("%v is ErrNotAuthorized: %v, want %v", err, !want, want)
		}
	}
	for _, err := range []error{nil, context.Canceled, errors.New("new"), ErrTooOld, &CorruptError{}, &TooLargeError{}, &OutOfRangeError{}} {
		if Retriable(err) {
			t.Errorf("%v is retriable", err)
		}
	}
	for _, err := range []error{context.DeadlineExceeded, errNoLeader, errShort, kafka.BrokerNotAvailable, &net.OpError{Op: "dial", Err: errors.New("refused")}} {
		if !Retriable(err) {
			t.Errorf("%v is not retriable", err)
		}
	}
}

func TestFetchAsksForTheLeaderAgainAfterAnError(t *testing.T) {
	t.Parallel()
	for _, code := range []int16{3, 5, 6, 9, 13, 56, 74, 75, 78} {
		t.Run(kafka.Error(code).Title(), func(t *testing.T) {
			t.Parallel()
			c := fakeBrokers(t, 1)
			produceTo(t, c.ListenAddrs(), 2, "a")
			var asked, refusals atomic.Int32
			c.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if r.GetVersion() >= metadataWithIDs { // kafka-go's own are older
					asked.Add(1)
				}
				return nil, nil, false
			})
			l := testLog(t, c.ListenAddrs())
			r := l.Partition(fakeTopic, 2)
			if _, err := r.Fetch(t.Context(), 0, testOptions(), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Fetch(t.Context(), 0, testOptions(), nil); err != nil || asked.Load() != 1 {
				t.Fatalf("metadata was asked for %d times in two fetches (%v), want once", asked.Load(), err)
			}
			c.ControlKey(int16(kmsg.Fetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
				refusals.Add(1)
				request := q.(*kmsg.FetchRequest)
				response := request.ResponseKind().(*kmsg.FetchResponse)
				topic, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
				topic.Topic, p.Partition, p.ErrorCode = fakeTopic, 2, code
				topic.Partitions = append(topic.Partitions, p)
				response.Topics = append(response.Topics, topic)
				return response, nil, true
			})
			_, err := r.Fetch(t.Context(), 0, testOptions(), nil)
			var broker *BrokerError
			if !errors.As(err, &broker) || broker.Code != code || !Retriable(err) || refusals.Load() != 1 {
				t.Fatalf("%v after %d refusals, want code %d, retriable, without a retry of its own", err, refusals.Load(), code)
			}
			if _, err := r.Fetch(t.Context(), 0, testOptions(), nil); err != nil || asked.Load() != 2 {
				t.Fatalf("%v; metadata was asked for %d times, want again after the refusal", err, asked.Load())
			}
		})
	}
}

func TestFetchFollowsALeaderChange(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 3)
	produceTo(t, c.ListenAddrs(), 1, "a", "b")
	l := testLog(t, c.ListenAddrs())
	r := l.Partition(fakeTopic, 1)
	var f *Fetched
	for node := range int32(3) {
		if err := c.MoveTopicPartition(fakeTopic, 1, node); err != nil {
			t.Fatal(err)
		}
		tries := 0
		for {
			got, err := r.Fetch(t.Context(), 0, testOptions(), f)
			if err == nil {
				f = got
				break
			}
			if tries++; tries > 3 || !Retriable(err) {
				t.Fatalf("leader moved to %d: %v", node, err)
			}
		}
		if got := offsets(drain(t, f)); !slices.Equal(got, upTo(0, 2)) {
			t.Fatalf("leader moved to %d: offsets %v", node, got)
		}
	}
}

func TestFetchDelivers(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	forge(c, func(p *kmsg.FetchResponseTopicPartition) {
		p.RecordBatches = join(transactional(5, 100, 2), marker(5, 102, false), plain(103, 2))
		p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 5, FirstOffset: 100}}
		p.LogStartOffset, p.HighWatermark, p.LastStableOffset = 50, 1000, 900
	})
	l := testLog(t, c.ListenAddrs())
	f, err := l.Partition(fakeTopic, 0).Fetch(t.Context(), 100, testOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.LogStart != 50 || f.HighWatermark != 1000 || f.LastStable != 900 {
		t.Errorf("log start %d, high watermark %d, last stable offset %d", f.LogStart, f.HighWatermark, f.LastStable)
	}
	if got := offsets(drain(t, f)); !slices.Equal(got, upTo(103, 105)) {
		t.Errorf("offsets %v, want only the committed ones", got)
	}
}

func TestFetchOutOfRange(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	produceTo(t, c.ListenAddrs(), 0, "a", "b", "c")
	l := testLog(t, c.ListenAddrs())
	_, err := l.Partition(fakeTopic, 0).Fetch(t.Context(), 10, testOptions(), nil)
	var out *OutOfRangeError
	if !errors.As(err, &out) || out.Position != 10 || out.HighWatermark != 3 || out.LogStart != 0 || out.Topic != fakeTopic || Retriable(err) {
		t.Fatalf("%+v, want a *OutOfRangeError with the log's bounds", err)
	}
	forge(c, func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = codeOffsetOutOfRange })
	if _, err = l.Partition(fakeTopic, 0).Fetch(t.Context(), 2, testOptions(), nil); !Retriable(err) {
		t.Fatalf("%v: a position inside the bounds is not out of range for good", err)
	}
}

func TestFetchNotAuthorized(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	forge(c, func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = codeTopicNotAuthorized })
	l := testLog(t, c.ListenAddrs())
	_, err := l.Partition(fakeTopic, 0).Fetch(t.Context(), 0, testOptions(), nil)
	if !errors.Is(err, ErrNotAuthorized) || Retriable(err) || !strings.Contains(err.Error(), "rides/0") {
		t.Fatalf("%v, want ErrNotAuthorized about rides/0", err)
	}
}

func TestFetchOfBrokersGone(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	produceTo(t, c.ListenAddrs(), 0, "a")
	l := testLog(t, c.ListenAddrs(), func(c *Config) { c.Timeout = time.Second })
	r := l.Partition(fakeTopic, 0)
	f, err := r.Fetch(t.Context(), 0, testOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	began := time.Now()
	for range 3 {
		if _, err = r.Fetch(t.Context(), 0, testOptions(), f); !Retriable(err) {
			t.Fatalf("%v is not retriable", err)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("three fetches took %v", took)
	}
}

func TestFetchOfASilentBrokerEnds(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) { c.KeepControl(); return nil, nil, true })
	l := testLog(t, c.ListenAddrs(), func(c *Config) { c.Timeout = 500 * time.Millisecond })
	_, err := l.Partition(fakeTopic, 0).Fetch(t.Context(), 0, testOptions(), nil)
	if !Retriable(err) || t.Context().Err() != nil {
		t.Fatalf("%v, want an error that is retriable", err)
	}
}

// TestFetchCancelledLeavesItsBuffer: a cancelled request goes on reading into its buffer. The next fetch into the same Fetched must have another;
// the race detector sees it if not.
func TestFetchCancelledLeavesItsBuffer(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	batches := plain(100, 2000).bytes()
	arrived := make(chan struct{}, 1)
	var asked atomic.Int32
	forge(c, func(p *kmsg.FetchResponseTopicPartition) {
		p.RecordBatches = batches
		if asked.Add(1)%2 == 0 { // every second one is cancelled while the broker answers
			arrived <- struct{}{}
		}
	})
	l := testLog(t, c.ListenAddrs())
	r := l.Partition(fakeTopic, 0)
	var f *Fetched
	for range 40 {
		var err error
		if f, err = r.Fetch(t.Context(), 100, testOptions(), f); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		into := f
		go func() {
			_, err := r.Fetch(ctx, 100, testOptions(), into)
			ended <- err
		}()
		<-arrived
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		// Whatever the cancelled one still writes, this answer is whole.
		asked.Store(0)
		if f, err = r.Fetch(t.Context(), 100, testOptions(), f); err != nil {
			t.Fatal(err)
		}
		if got := len(drain(t, f)); got != 2000 || f.Err() != nil {
			t.Fatalf("%d records and %v", got, f.Err())
		}
		asked.Store(0)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		cfg      Config
		want     string
	}{
		{"no brokers", Config{Transport: &kafka.Transport{}}, "brokers"},
		{"no transport", Config{Brokers: []string{"a:1"}}, "transport"},
		{"a client id that no request can hold", Config{Brokers: []string{"a:1"}, Transport: &kafka.Transport{}, ClientID: strings.Repeat("x", 250)}, "client id"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.scenario, err)
		}
	}
}
