package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ridesink/internal/partlog"
	"ridesink/schema"
)

// rows.go: records of a topic, and the rows that they become, as the sink would send them.

const (
	// chunkBytes is the size of a transaction, the sink's where it is behind.
	chunkBytes = 4 << 20
	fetchBytes = 4 << 20
	// heldRides is how many rows are kept in memory. Where more are wanted, the same are sent again.
	heldRides = 1_000_000
)

// chunk is a transaction's rows, encoded: header, rows, trailer.
type chunk struct {
	bytes []byte
	ends  []int32 // of each row
}

func (c chunk) rows() int64 { return int64(len(c.ends)) }

// first returns the chunk's first n rows.
func (c chunk) first(n int64) chunk {
	if n >= c.rows() {
		return c
	}
	return chunk{bytes: schema.AppendCopyTrailer(slices.Clone(c.bytes[:c.ends[n-1]])), ends: c.ends[:n]}
}

// exactly repeats and cuts chunks until they have n rows.
func exactly(held []chunk, n int64) []chunk {
	var all []chunk
	for i := 0; n > 0; i++ {
		c := held[i%len(held)].first(n)
		all = append(all, c)
		n -= c.rows()
	}
	return all
}

// chunker makes chunks of records.
type chunker struct {
	decoder *schema.Decoder
	all     []chunk
	open    chunk
}

func (c *chunker) add(at schema.Coordinates, value []byte) (err error) {
	if c.open.bytes == nil {
		c.open.bytes = schema.AppendCopyHeader(make([]byte, 0, chunkBytes+64<<10))
	}
	if c.open.bytes, err = c.decoder.AppendRow(c.open.bytes, at, value); err != nil {
		return fmt.Errorf("%s/%d/%d: %w", at.Topic, at.Partition, at.Offset, err)
	}
	c.open.ends = append(c.open.ends, int32(len(c.open.bytes)))
	if len(c.open.bytes) >= chunkBytes {
		c.close()
	}
	return nil
}

func (c *chunker) close() {
	if len(c.open.ends) > 0 {
		c.open.bytes = schema.AppendCopyTrailer(c.open.bytes)
		c.all = append(c.all, c.open)
	}
	c.open = chunk{}
}

// chunks returns the topic's rows, or as many as are held.
func (e *environment) chunks(ctx context.Context, t *topic) ([]chunk, error) {
	c := chunker{decoder: schema.NewDecoder()}
	left := min(t.Rides, heldRides)
	for p := int32(0); p < int32(t.Partitions) && left > 0; p++ {
		err := e.read(ctx, t, p, func(r *partlog.Record) (bool, error) {
			at := schema.Coordinates{Topic: t.name, Partition: p, Offset: r.Offset, Timestamp: r.Timestamp}
			left--
			return left > 0, c.add(at, r.Value)
		})
		if err != nil {
			return nil, err
		}
	}
	c.close()
	if left > 0 {
		return nil, fmt.Errorf("topic %s has %d rides less than were produced", t.name, left)
	}
	return c.all, nil
}

// read walks a partition to its end, or until each says that it is enough.
func (e *environment) read(ctx context.Context, t *topic, partition int32, each func(*partlog.Record) (more bool, err error)) error {
	bounds, err := e.reader.Log.Bounds(ctx, t.name, partition)
	if err != nil {
		return fmt.Errorf("where %s/%d ends: %w", t.name, partition, err)
	}
	reader, fetched, record := e.reader.Log.Partition(t.name, partition), new(partlog.Fetched), partlog.Record{}
	options := partlog.FetchOptions{MaxBytes: fetchBytes, BufferBytes: 8 * fetchBytes, MaxWait: time.Second}
	for position := int64(0); position < bounds[partition].LastStable; position = fetched.Next() {
		if fetched, err = reader.Fetch(ctx, position, options, fetched); err != nil {
			return fmt.Errorf("fetch %s/%d at %d: %w", t.name, partition, position, err)
		}
		for fetched.Record(&record) {
			if more, err := each(&record); err != nil || !more {
				return err
			}
		}
		if err := fetched.Err(); err != nil {
			return err
		}
	}
	return nil
}
