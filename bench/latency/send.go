package latency

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// send.go: rides at a steady rate. What is late is sent at once and keeps its planned time.

// clientLinger is the part of the linger that the client waits; the rest is between two looks at the clock, after which what became due meanwhile
// goes together: as late as with a client that waits for all of it, at a fraction of the generator's own work.
const clientLinger = time.Millisecond

// differentRides is how many rides are encoded in advance, and sent again and again.
const differentRides = 1_000

// sender sends to one topic, to its partitions in turn, for a linger each. run is for one goroutine, planned and finished for any.
type sender struct {
	kafka    *kgo.Client
	topic    string
	load     Case
	warmup   time.Duration
	duration time.Duration
	linger   time.Duration
	values   [][]byte

	start, first, end time.Time     // set by begin: of the sending, of what counts, and its end
	over              chan struct{} // closed when everything is acknowledged
	counted           int           // rides whose time counts; after over
	slowest           time.Duration // by how much a ride was sent late; after over

	mu    sync.Mutex
	plans [][]time.Time // guarded by mu: planned times by partition and offset
	acked []int64       // guarded by mu: by partition
	err   error         // guarded by mu: the first
}

func newSender(client *kgo.Client, topic string, load Case, o Options) (*sender, error) {
	s := &sender{
		kafka: client, topic: topic, load: load, warmup: o.Warmup, duration: o.Duration, linger: o.Linger,
		over: make(chan struct{}), plans: make([][]time.Time, load.Partitions), acked: make([]int64, load.Partitions),
	}
	rides := synthetic.New(1, synthetic.Yellow)
	for range differentRides {
		value, err := rides.Next().AppendJSON(nil, schema.TLC)
		if err != nil {
			return nil, fmt.Errorf("encode a ride: %w", err)
		}
		s.values = append(s.values, value)
	}
	return s, nil
}

// begin fixes the times.
func (s *sender) begin() {
	s.start = time.Now().Add(10 * time.Millisecond)
	s.first = s.start.Add(s.warmup)
	s.end = s.first.Add(s.duration)
}

// run sends until the end, and returns when everything is acknowledged.
func (s *sender) run(ctx context.Context) error {
	for sent := 0; ; {
		at := s.start.Add(time.Duration(int64(sent) * int64(time.Second) / int64(s.load.Rate)))
		if !at.Before(s.end) {
			break
		}
		if wait := time.Until(at); wait > 0 {
			if err := sleepUntil(ctx, time.Now().Add(max(wait, s.linger-clientLinger))); err != nil {
				return err
			}
		}
		s.send(ctx, sent, at)
		sent++
	}
	if err := s.kafka.Flush(ctx); err != nil {
		return fmt.Errorf("wait for the brokers: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.over)
	return s.err
}

// send sends ride i, which was planned for at.
func (s *sender) send(ctx context.Context, i int, at time.Time) {
	if !at.Before(s.first) {
		s.counted++
		s.slowest = max(s.slowest, time.Since(at))
	}
	partition := s.partition(at)
	s.mu.Lock()
	s.plans[partition] = append(s.plans[partition], at) // before the sink can have it
	s.mu.Unlock()
	s.kafka.Produce(ctx, &kgo.Record{Topic: s.topic, Partition: int32(partition), Timestamp: at, Value: s.values[i%len(s.values)]}, s.acknowledged)
}

// partition is where a ride planned for that time goes: all of one linger together, as producers' clients send records without keys (KIP-480).
func (s *sender) partition(at time.Time) int {
	return int(at.Sub(s.start)/s.linger) % s.load.Partitions
}

// acknowledged verifies that the ride has the offset under which its planned time is kept: the client calls it in the order of sending.
func (s *sender) acknowledged(r *kgo.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && r.Offset != s.acked[r.Partition] {
		err = fmt.Errorf("partition %d: a ride got offset %d instead of %d", r.Partition, r.Offset, s.acked[r.Partition])
	}
	s.acked[r.Partition]++
	if s.err == nil {
		s.err = err
	}
}

// planned appends the planned times of a partition's rides from offset first up to next. It fails if there are fewer: then the sink stored
// what was never sent.
func (s *sender) planned(into []time.Time, partition int, first, next int64) ([]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if partition >= len(s.plans) || next > int64(len(s.plans[partition])) || first > next {
		return into, fmt.Errorf("partition %d: the ledger moved from %d to %d, which is not what was sent", partition, first, next)
	}
	return append(into, s.plans[partition][first:next]...), nil
}

// finished reports whether everything was sent and acknowledged.
func (s *sender) finished() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// sent is how many rides each partition was sent.
func (s *sender) sent() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int64(nil), s.acked...)
}
