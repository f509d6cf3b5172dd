package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// rides.go fills topics, and knows what has to come out of them.

// partitions is how many a topic has, and so the most that a peer can use side by side.
const partitions = 4

// topic is rides in Kafka.
type topic struct {
	name         string
	rides, bytes int64
	// Sums over all rides, in hundredths: what the tables must add up to.
	amount, distance int64
}

func (t *topic) bytesPerRide() int64 { return t.bytes / max(1, t.rides) }

// produce fills a new topic with synthetic rides of dialect TLC. No two have the same pickup time, so that a ride that is stored twice shows, in
// any table: ride n begins n seconds after the first.
func produce(ctx context.Context, brokers []string, name string, rides int64) (*topic, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(name), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("produce: %w", err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, name); err != nil {
		return nil, fmt.Errorf("create topic %s: %w", name, err)
	}
	t := &topic{name: name}
	var failed firstError
	generator := synthetic.New(1, synthetic.Yellow)
	for n := range rides {
		ride := generator.Next()
		shift := synthetic.First().Add(time.Duration(n) * time.Second).Sub(ride.PickupDatetime.Value)
		ride.PickupDatetime.Value = ride.PickupDatetime.Value.Add(shift)
		ride.DropoffDatetime.Value = ride.DropoffDatetime.Value.Add(shift)
		value, err := t.add(&ride)
		if err != nil {
			return nil, err
		}
		client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) { failed.note(err) })
	}
	failed.note(client.Flush(ctx))
	if err := failed.get(); err != nil {
		return nil, fmt.Errorf("produce into %s: %w", name, err)
	}
	return t, nil
}

// add counts a ride and returns it as JSON.
func (t *topic) add(ride *schema.Ride) ([]byte, error) {
	value, err := ride.AppendJSON(nil, schema.TLC)
	if err != nil {
		return nil, err
	}
	amount, err := hundredths(ride.TotalAmount)
	if err != nil {
		return nil, err
	}
	distance, err := hundredths(ride.TripDistance)
	if err != nil {
		return nil, err
	}
	t.rides++
	t.bytes += int64(len(value))
	t.amount += amount
	t.distance += distance
	return value, nil
}

// hundredths returns a decimal of at most two places, exactly.
func hundredths(d schema.Decimal) (int64, error) {
	digits, negative := strings.CutPrefix(string(d), "-")
	whole, places, _ := strings.Cut(digits, ".")
	if len(places) > 2 {
		return 0, fmt.Errorf("%q has more than two decimal places", d)
	}
	var n int64
	for _, c := range []byte(whole + places + "00"[len(places):]) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q is no decimal number", d)
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, nil
}

// firstError keeps the first error of several goroutines.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && err != nil && !errors.Is(err, context.Canceled) {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
