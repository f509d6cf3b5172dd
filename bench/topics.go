package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"

	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// topics.go: rides in Kafka, and what they add up to.

const seed = 1

// sums are what a table of rides must add up to, in hundredths.
type sums struct{ rows, amount, distance int64 }

// topic is a topic with rides.
type topic struct {
	shape
	name string
	want sums
}

// produce makes a topic of that shape.
func (e *environment) produce(ctx context.Context, s shape) (*topic, error) {
	e.topics++
	t := &topic{shape: s, name: fmt.Sprintf("rides-%d", e.topics)}
	var err error
	if t.want, err = e.sumsOf(s.Rides); err != nil {
		return nil, err
	}
	return t, e.command(ctx, "produce", "--topic="+t.name, "--partitions="+strconv.Itoa(s.Partitions), "--dialect="+s.Dialect.String(),
		"--compression="+s.Codec, "--synthetic="+strconv.FormatInt(s.Rides, 10), "--seed="+strconv.Itoa(seed), "--json")
}

// drop deletes the topic and with it its files.
func (e *environment) drop(ctx context.Context, t *topic) error {
	answer, err := e.reader.Client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{t.name}})
	if err == nil {
		err = answer.Errors[t.name]
	}
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", t.name, err)
	}
	return nil
}

// sumsOf makes the rides once more, beside Kafka and the sink.
func (e *environment) sumsOf(rides int64) (sums, error) {
	if s, ok := e.sums[rides]; ok {
		return s, nil
	}
	s := sums{rows: rides}
	generator := synthetic.New(seed, synthetic.Yellow)
	for range rides {
		ride := generator.Next()
		amount, err := hundredths(ride.TotalAmount)
		if err != nil {
			return s, err
		}
		distance, err := hundredths(ride.TripDistance)
		if err != nil {
			return s, err
		}
		s.amount, s.distance = s.amount+amount, s.distance+distance
	}
	e.sums[rides] = s
	return s, nil
}

// hundredths returns a decimal of at most two places, exactly; 0 for none.
func hundredths(d schema.Decimal) (int64, error) {
	digits, negative := strings.CutPrefix(string(d), "-")
	whole, places, _ := strings.Cut(digits, ".")
	if len(places) > 2 {
		return 0, fmt.Errorf("%q has more than two decimal places", d)
	}
	if digits == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(whole+places+"00"[len(places):], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no decimal number: %w", d, err)
	}
	if negative {
		n = -n
	}
	return n, nil
}

// check compares the table with what was produced: rows and sums, and that no record was put aside.
func (e *environment) check(ctx context.Context, want sums) error {
	var got sums
	var deadLetters int64
	err := e.conn.QueryRow(ctx, `SELECT count(*), coalesce(100 * sum(total_amount), 0)::bigint, coalesce(100 * sum(trip_distance), 0)::bigint,
		(SELECT count(*) FROM sink_dead_letters) FROM rides`).Scan(&got.rows, &got.amount, &got.distance, &deadLetters)
	switch {
	case err != nil:
		return fmt.Errorf("count the rides: %w", err)
	case got != want || deadLetters != 0:
		return fmt.Errorf("rides has %d rows with amounts of %d and distances of %d hundredths, want %d, %d and %d; dead letters: %d, want 0",
			got.rows, got.amount, got.distance, want.rows, want.amount, want.distance, deadLetters)
	}
	return nil
}
