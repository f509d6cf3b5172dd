package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ridesink/internal/partlog"
	"ridesink/schema"
)

// stages.go: fetch and decode, each alone. COPY alone is the floor.

// stages are rides a second, a number a run.
type stages struct {
	Fetch  []float64 `json:"fetch_rides_per_second"`  // all partitions side by side: response, checksum, decompression, records
	Decode []float64 `json:"decode_rides_per_second"` // on one core, values in memory, to COPY rows
}

func (e *environment) stages(ctx context.Context, t *topic, s *stages) error {
	began := time.Now()
	var fetched atomic.Int64
	fetching, fetchCtx := errgroup.WithContext(ctx)
	for p := range int32(t.Partitions) {
		fetching.Go(func() error {
			var n int64
			err := e.read(fetchCtx, t, p, func(*partlog.Record) (bool, error) {
				n++
				return true, nil
			})
			fetched.Add(n)
			return err
		})
	}
	if err := fetching.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	if fetched.Load() != t.Rides {
		return fmt.Errorf("fetched %d rides, want %d", fetched.Load(), t.Rides)
	}
	s.Fetch = append(s.Fetch, float64(t.Rides)/took.Seconds())

	values, err := e.values(ctx, t)
	if err != nil {
		return err
	}
	took, err = decodeAll(t.name, values)
	s.Decode = append(s.Decode, float64(len(values))/took.Seconds())
	return err
}

// values keeps the topic's values in memory.
func (e *environment) values(ctx context.Context, t *topic) ([][]byte, error) {
	values := make([][]byte, 0, t.Rides)
	for p := range int32(t.Partitions) {
		err := e.read(ctx, t, p, func(r *partlog.Record) (bool, error) {
			values = append(values, slices.Clone(r.Value))
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

// decodeAll makes rows of all values, in one buffer over and over.
func decodeAll(topic string, values [][]byte) (time.Duration, error) {
	decoder, rows := schema.NewDecoder(), make([]byte, 0, chunkBytes+64<<10)
	began := time.Now()
	for i, value := range values {
		var err error
		if rows, err = decoder.AppendRow(rows, schema.Coordinates{Topic: topic, Offset: int64(i), Timestamp: 1593563132000}, value); err != nil {
			return 0, fmt.Errorf("decode: %w", err)
		}
		if len(rows) >= chunkBytes {
			rows = rows[:0]
		}
	}
	return time.Since(began), nil
}
