package partlog

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// reader.go: one partition, one fetch at a time. After it fetched.go, which turns the answer into records.

// Reader reads one partition from its leader. One goroutine at a time.
type Reader struct {
	log       *Log
	topic     string
	partition int32
}

// Partition returns a Reader of one partition. It dials nothing and needs no closing.
func (l *Log) Partition(topic string, partition int32) *Reader {
	return &Reader{log: l, topic: topic, partition: partition}
}

// FetchOptions bound one fetch.
type FetchOptions struct {
	MaxBytes    int           // asked of the broker, which still sends a first batch that is larger (KIP-74)
	BufferBytes int           // the most that the response, and each batch decompressed, may take; above: *TooLargeError
	MaxWait     time.Duration // how long the broker holds a fetch that finds nothing
}

// Fetch asks the leader once for records from position on, and checks the framing and the checksum of every batch of the answer. The
// answer's First is position; where there is nothing yet, Next is position too. into is used again and returned; after an error it must
// not be used any more, because a cancelled request may still be writing to it.
//
// It does not retry. Errors: those for which Retriable is true; *OutOfRangeError; *TooLargeError; *CorruptError if the first
// batch is; ErrNotAuthorized.
func (r *Reader) Fetch(ctx context.Context, position int64, o FetchOptions, into *Fetched) (*Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, o.MaxWait+r.log.cfg.Timeout)
	defer cancel()
	leader, err := r.log.leader(ctx, r.topic, r.partition)
	if err != nil {
		return nil, err
	}
	buf := into.buf
	into.buf = nil // the request's now
	limit := min(o.BufferBytes, r.log.cfg.MaxBatchBytes)
	message, err := r.log.roundTrip(ctx, &fetchRequest{
		exchange: exchange{leader: leader.Leader}, correlation: r.log.correlation.Add(1), clientID: r.log.cfg.ClientID,
		topic: r.topic, partition: r.partition, epoch: leader.LeaderEpoch, position: position,
		maxBytes: min(o.MaxBytes, limit), limit: limit + fetchOverhead, maxWait: o.MaxWait, buf: buf,
	})
	if err != nil {
		var large *TooLargeError
		if !errors.As(err, &large) {
			r.log.forget(r.topic) // the leader may be another now
		}
		return nil, fmt.Errorf("fetch %s/%d at %d: %w", r.topic, r.partition, position, err)
	}
	answer := message.(*fetchResponse) //nolint:errcheck,forcetypeassert // what fetchRequest returns
	if err := r.refused(ctx, answer, position); err != nil {
		return nil, err
	}
	return into, into.open(r, answer, position, limit)
}

// refused turns the answer's error code into an error; nil for none.
func (r *Reader) refused(ctx context.Context, answer *fetchResponse, position int64) error {
	switch answer.code {
	case codeNone:
		return nil
	case codeOffsetOutOfRange:
		r.log.forget(r.topic)
		bounds, err := r.log.Bounds(ctx, r.topic, r.partition)
		if err != nil {
			return fmt.Errorf("fetch %s/%d at %d: out of range, and its bounds are not known: %w", r.topic, r.partition, position, err)
		}
		b := bounds[r.partition]
		if b.LogStart <= position && position <= b.HighWatermark {
			// The log that refused the position and the log that has these bounds are not at the same state: ask again.
			return &BrokerError{Request: fmt.Sprintf("fetch %s/%d at %d", r.topic, r.partition, position), Code: codeOffsetNotAvailable}
		}
		return &OutOfRangeError{Topic: r.topic, Partition: r.partition, Position: position, LogStart: b.LogStart, HighWatermark: b.HighWatermark}
	}
	r.log.forget(r.topic)
	return brokerError(fmt.Sprintf("fetch %s/%d at %d", r.topic, r.partition, position), answer.code)
}
