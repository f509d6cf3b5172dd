package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// This file sends records until they are acknowledged, and counts them. produce.go gives it chunks.

const (
	sendBackoffFirst = 100 * time.Millisecond
	sendBackoffMost  = 5 * time.Second
	// closeTimeout bounds the wait for a writer whose brokers do not answer any more.
	closeTimeout = 5 * time.Second
)

// partitionCount is what was acknowledged in one partition.
type partitionCount struct {
	Partition int   `json:"partition"`
	Records   int64 `json:"records"`
	Bytes     int64 `json:"bytes"` // of keys and values, before compression
}

// sender writes to one topic. send is for one goroutine, counted for any.
type sender struct {
	log    *slog.Logger
	writer *kafka.Writer

	mu     sync.Mutex
	counts []partitionCount // guarded by mu: by partition
}

// newSender returns a sender to a topic of so many partitions.
func newSender(brokers []string, topic string, partitions int, compression kafka.Compression, keyed bool, transport *kafka.Transport, log *slog.Logger) *sender {
	s := &sender{log: log, counts: make([]partitionCount, partitions)}
	for i := range s.counts {
		s.counts[i].Partition = i
	}
	var balancer kafka.Balancer = &kafka.RoundRobin{}
	if keyed {
		balancer = kafka.Murmur2Balancer{} // Java's, so that a key is where other producers put it
	}
	s.writer = &kafka.Writer{
		Addr: kafka.TCP(brokers...), Topic: topic, Transport: transport, Balancer: balancer, Compression: compression,
		RequiredAcks: kafka.RequireAll, // acknowledged means that it survives a broker
		BatchTimeout: 5 * time.Millisecond,
		BatchSize:    10_000, BatchBytes: 1_000_000, // below a broker's message.max.bytes
		MaxAttempts: 3, WriteTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		Completion: s.count,
	}
	return s
}

// count notes a batch that the writer is done with.
func (s *sender) count(messages []kafka.Message, err error) {
	if err != nil || len(messages) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts[messages[0].Partition]
	c.Records += int64(len(messages))
	for i := range messages {
		c.Bytes += int64(len(messages[i].Key) + len(messages[i].Value))
	}
}

// counted returns what was acknowledged so far, by partition.
func (s *sender) counted() []partitionCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]partitionCount(nil), s.counts...)
}

// send returns when all messages are acknowledged, retrying what is not as long as waiting can help. It may change the order of messages.
// After an error the writer may still hold them.
func (s *sender) send(ctx context.Context, messages []kafka.Message) error {
	var since time.Time
	for attempt := 1; ; attempt++ {
		left, err := s.once(ctx, messages)
		switch {
		case err == nil:
			if attempt > 1 {
				s.log.InfoContext(ctx, "recovered", "what", "kafka", "outage_seconds", time.Since(since).Seconds(), "attempts", attempt)
			}
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !worthRetrying(err):
			return fmt.Errorf("send to topic %s: %w", s.writer.Topic, err)
		}
		if attempt == 1 {
			since = time.Now()
		}
		messages = left
		wait := min(sendBackoffMost, sendBackoffFirst<<min(attempt, 10))
		wait = wait/2 + rand.N(wait/2)
		s.log.WarnContext(ctx, "records not acknowledged", "records", len(messages), "attempt", attempt, "wait_seconds", wait.Seconds(), "err", err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// once tries to send messages and returns those that were not acknowledged, in order, in the same slice, with the first reason.
func (s *sender) once(ctx context.Context, messages []kafka.Message) ([]kafka.Message, error) {
	err := s.writer.WriteMessages(ctx, messages...)
	var each kafka.WriteErrors
	if !errors.As(err, &each) {
		return messages, err // nil, or none was sent
	}
	left := messages[:0]
	var first error
	for i, e := range each {
		if e == nil {
			continue
		}
		if first == nil || worthRetrying(first) && !worthRetrying(e) {
			first = e
		}
		left = append(left, kafka.Message{Key: messages[i].Key, Value: messages[i].Value})
	}
	return left, first
}

// worthRetrying says whether the same message may be taken later: brokers that are away or without a leader, not those that refuse.
func worthRetrying(err error) bool {
	var refused kafka.Error
	var tooLarge kafka.MessageTooLargeError
	switch {
	case errors.As(err, &refused):
		return refused.Temporary() || refused.Timeout()
	case errors.As(err, &tooLarge), errors.Is(err, io.ErrClosedPipe):
		return false
	}
	return true
}

// close ends the writer, and waits for it at most closeTimeout: what it still holds then is not counted.
func (s *sender) close() error {
	closed := make(chan error, 1)              // one, so that a late end finds no one waiting and still ends
	go func() { closed <- s.writer.Close() }() // ends with the writer's last attempt, or with the process
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case err := <-closed:
		return err
	case <-timer.C:
		return fmt.Errorf("brokers did not answer for %s: some records may have arrived that are not counted", closeTimeout)
	}
}
