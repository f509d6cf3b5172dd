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
	TopicID     TopicID       // of the topic that is meant, zero for any: see *OtherTopicError
}

// Fetch asks the leader once for records from position on, and checks the framing and the checksum of every batch of the answer. The
// answer's First is position; where there is nothing yet, Next is position too. into is used again and returned; nil makes a new one. After an
// error it may be fetched into again: a cancelled request that is still reading keeps its buffer, and into gets another.
//
// It does not retry. Errors: those for which Retriable is true; *OutOfRangeError; *OtherTopicError, as of the last time that the leader was
// asked for, which every loss of a leader makes it do; *TooLargeError; *CorruptError if the first
// batch is; ErrNotAuthorized.
func (r *Reader) Fetch(ctx context.Context, position int64, o FetchOptions, into *Fetched) (*Fetched, error) {
	if into == nil {
		into = new(Fetched)
	}
	ctx, cancel := context.WithTimeout(ctx, o.MaxWait+r.log.cfg.Timeout)
	defer cancel()
	leader, err := r.log.leader(ctx, r.topic, r.partition)
	if err != nil {
		return nil, err
	}
	if o.TopicID != (TopicID{}) && leader.TopicID != (TopicID{}) && leader.TopicID != o.TopicID {
		return nil, &OtherTopicError{Topic: r.topic, Partition: r.partition, Want: o.TopicID, Got: leader.TopicID}
	}
	limit := min(o.BufferBytes, r.log.cfg.MaxBatchBytes)
	// A response holds at most asked bytes of records, or one batch; and 16 bytes for each aborted transaction, which has at least a marker
	// and a record in those bytes.
	asked := min(o.MaxBytes, limit-limit/8)
	request := &fetchRequest{
		exchange: exchange{leader: leader.Leader}, correlation: r.log.correlation.Add(1), clientID: r.log.cfg.ClientID,
		topic: r.topic, partition: r.partition, epoch: leader.LeaderEpoch, position: position,
		maxBytes: asked, limit: limit + fetchOverhead, maxWait: o.MaxWait, buf: into.buf, done: make(chan struct{}),
	}
	into.buf = nil // the request's now
	message, err := r.log.roundTrip(ctx, request)
	select {
	case <-request.done:
		into.buf = request.buf
	default: // it was never sent, or is still reading: the buffer goes with it
	}
	if err != nil {
		var large *TooLargeError
		if !errors.As(err, &large) && !errors.Is(err, context.Canceled) {
			r.log.forget(r.topic, leader) // the leader may be another now
		}
		return nil, fmt.Errorf("fetch %s/%d at %d: %w", r.topic, r.partition, position, err)
	}
	answer := message.(*fetchResponse)
	if err := r.refused(ctx, leader, answer, position); err != nil {
		return nil, err
	}
	if err := into.open(r, answer, position, asked, limit); err != nil {
		return nil, err
	}
	into.Leader = leader
	return into, nil
}

// refused turns the answer's error code into an error; nil for none.
func (r *Reader) refused(ctx context.Context, leader Partition, answer *fetchResponse, position int64) error {
	switch answer.code {
	case codeNone:
		return nil
	case codeOffsetOutOfRange:
		r.log.forget(r.topic, leader)
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
	r.log.forget(r.topic, leader)
	return brokerError(fmt.Sprintf("fetch %s/%d at %d", r.topic, r.partition, position), answer.code)
}
