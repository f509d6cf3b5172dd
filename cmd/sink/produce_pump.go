package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"ridesink/internal/serde"
	"ridesink/schema"
)

// This file moves rides from a source to the sender: one chunk is encoded while the one before is being sent.

const (
	chunkRecords = 40_000
	chunkBytes   = 16 << 20
	// paceInterval is how often rides are sent under --rate.
	paceInterval = 50 * time.Millisecond
	// produceDrain bounds how long rides on their way are waited for after a signal.
	produceDrain = 5 * time.Second
)

// chunk is rides that are sent together. Its messages lie in its bytes, so it is filled again only after all were acknowledged.
type chunk struct {
	messages []kafka.Message
	bytes    []byte
}

// pump is one run of produce.
type pump struct {
	rides   source
	sender  *sender
	encoder *serde.Encoder
	key     string
	rate    float64
	log     *slog.Logger
}

// run sends all rides. When stop ends it reads no more, and finishes what is on its way within produceDrain.
func (p *pump) run(stop context.Context) error {
	work, abort := context.WithCancelCause(context.WithoutCancel(stop))
	defer abort(nil)
	defer context.AfterFunc(stop, func() {
		time.AfterFunc(produceDrain, func() { abort(context.Cause(stop)) })
	})()
	stages, work := errgroup.WithContext(work)
	filling, endFilling := context.WithCancel(work)
	defer endFilling()
	defer context.AfterFunc(stop, endFilling)()

	filled, free := make(chan *chunk), make(chan *chunk, 2) // free: both chunks there are
	free <- &chunk{}
	free <- &chunk{}
	var input error          // why the rides ended early: no reason to give up those that are on their way
	stages.Go(func() error { // ends at the end of the rides, or with filling
		defer close(filled)
		input = p.fill(filling, free, filled)
		return nil
	})
	stages.Go(func() error { // ends when filled is closed and empty
		progress := time.Now()
		for c := range filled {
			if err := p.sender.send(work, c.messages); err != nil {
				return err
			}
			free <- c // never blocks: there are two
			if time.Since(progress) >= progressInterval {
				progress = time.Now()
				p.log.Info("progress", "records", summarize("", p.sender.counted(), time.Second).Records)
			}
		}
		return nil
	})
	err := stages.Wait()
	if stop.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return context.Cause(stop)
	}
	return errors.Join(err, input)
}

// fill encodes rides into free chunks until they end, or ctx does. What was read before an error is still handed on.
func (p *pump) fill(ctx context.Context, free <-chan *chunk, filled chan<- *chunk) error {
	began, sent := time.Now(), 0
	for {
		var c *chunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return nil
		}
		ended := p.fillOne(ctx, c)
		if errors.Is(ended, errStopped) {
			return nil
		}
		if len(c.messages) > 0 {
			sent += len(c.messages)
			select {
			case filled <- c:
			case <-ctx.Done():
				return nil
			}
		}
		switch {
		case errors.Is(ended, io.EOF):
			return nil
		case ended != nil:
			return ended
		case p.rate > 0:
			p.pace(ctx, began.Add(time.Duration(float64(sent)/p.rate*float64(time.Second))))
		}
	}
}

// errStopped says that a chunk was not filled because of a signal.
var errStopped = errors.New("stopped")

// fillOne fills a chunk. It returns io.EOF, or an error of the source, behind the rides that it got.
func (p *pump) fillOne(ctx context.Context, c *chunk) error {
	c.messages, c.bytes = c.messages[:0], c.bytes[:0]
	most := chunkRecords
	var ride schema.Ride
	var err error
	if p.rate > 0 {
		most = min(most, max(1, int(p.rate*paceInterval.Seconds())))
	}
	for len(c.messages) < most && len(c.bytes) < chunkBytes {
		if len(c.messages)%256 == 0 && ctx.Err() != nil {
			return errStopped
		}
		if ride, err = p.rides.next(); err != nil {
			if ctx.Err() != nil && !errors.Is(err, io.EOF) {
				return errStopped // the end of the context closed the file
			}
			return err
		}
		first := len(c.bytes)
		c.bytes = p.appendKey(c.bytes, &ride)
		value := len(c.bytes)
		if c.bytes, err = p.encoder.AppendRide(c.bytes, &ride); err != nil {
			return err
		}
		m := kafka.Message{Value: c.bytes[value:len(c.bytes):len(c.bytes)]}
		if value > first {
			m.Key = c.bytes[first:value:value]
		}
		c.messages = append(c.messages, m)
	}
	return nil
}

// appendKey appends the key of a ride's record; nothing means a null key.
func (p *pump) appendKey(dst []byte, ride *schema.Ride) []byte {
	switch {
	case p.key == "random":
		return strconv.AppendUint(dst, rand.Uint64(), 36)
	case p.key == "pickup" && ride.PickupLocationID.Valid:
		return strconv.AppendInt(dst, int64(ride.PickupLocationID.Value), 10)
	}
	return dst
}

// pace waits until a time, or the end of ctx.
func (p *pump) pace(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
