package sink

import (
	"context"
	"errors"
	"testing"

	"ridesink/internal/partlog"
)

// durability_test.go: what one transaction holds, in which order it does it, and when Kafka hears of it.

// begun is a fixture whose only partition is at position 0 in the ledger, of a topic without an id.
func begun(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, 1)
	f.exec("INSERT INTO sink_ledger (kafka_topic, kafka_partition, first_offset, next_offset) VALUES ($1, 0, 0, 0)", f.topic)
	return f
}

// pipelineOf is a pipeline of b's partition that commits nothing to Kafka by itself.
func (f *fixture) pipelineOf(s *Sink, b *batch) *pipeline {
	c := &committer{log: s.log, failures: s.metrics.commitsFailed, pending: map[topicPartition]Position{}}
	return &pipeline{topicPartition: b.topicPartition, sink: s, committer: c, log: s.log, state: newPartitionState(b.topicPartition), rows: newRowsLimit(1 << 20), connections: newQueue(struct{}{})}
}

// Kafka hears of a position after COMMIT and not before: a kill in between must leave Kafka behind PostgreSQL, never ahead.
func TestKafkaIsToldOnlyWhatIsDurable(t *testing.T) {
	t.Parallel()
	f := begun(t)
	s := f.sink(f.config())
	b := rideBatch(t, f.topic, 0, 5)
	p := f.pipelineOf(s, b)
	told := func() (Position, bool) {
		p.committer.mu.Lock()
		defer p.committer.mu.Unlock()
		at, noted := p.committer.pending[b.topicPartition]
		return at, noted
	}
	s.writer.points = &points{at: func(at point) {
		if position, noted := told(); noted && at != afterEnd {
			t.Errorf("%s: Kafka is to be told of %d, which is not durable yet", at, position)
		}
	}}
	unseal(b)
	if err := p.put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if position, noted := told(); !noted || position != 5 {
		t.Errorf("after COMMIT Kafka is to be told of %d (at all: %t), want 5", position, noted)
	}
}

// The dead letters of a batch that is fenced are not stored either: they are in its transaction, not in one of their own.
func TestAFencedBatchLeavesNoDeadLetter(t *testing.T) {
	t.Parallel()
	f := begun(t)
	b := rideBatch(t, f.topic, 5, 2) // the ledger is at 0
	b.dead = []deadLetter{{offset: 7, timestamp: -1, value: []byte("bad"), reason: "invalid_json", err: "cut off"}}
	b.counts.deadLettered, b.next = 1, 8
	if err := f.sink(f.config()).writer.write(t.Context(), partlog.TopicID{}, b); !errors.Is(err, ErrFenced) {
		t.Fatalf("write = %v, want %v", err, ErrFenced)
	}
	if n := f.count("SELECT count(*) FROM sink_dead_letters"); n != 0 {
		t.Errorf("%d dead letters are stored, want none", n)
	}
}

// Whatever error COMMIT ends with, only the ledger knows, also where the driver believes that nothing was sent.
func TestEveryErrorOfCOMMITIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	f := begun(t)
	s := f.sink(f.config())
	ctx, lose := context.WithCancel(t.Context())
	s.writer.points = &points{at: func(at point) {
		if at == afterAdvance {
			lose()
		}
	}}
	err := s.writer.write(ctx, partlog.TopicID{}, rideBatch(t, f.topic, 0, 5))
	var unknown *outcomeUnknownError
	if !errors.As(err, &unknown) || classify(err) != reread {
		t.Errorf("write = %v, want an unknown outcome, on which the ledger is asked", err)
	}
}

// A member that freezes while it copies holds nothing that its successor needs: the ledger's row is locked after COPY, not before.
func TestCopyDoesNotHoldTheLedger(t *testing.T) {
	t.Parallel()
	f := begun(t)
	s := f.sink(f.config())
	looked := false
	s.writer.points = &points{at: func(at point) {
		if at == afterCopy {
			looked = true
			if _, err := f.db.Exec(t.Context(), "SELECT 1 FROM sink_ledger FOR UPDATE NOWAIT"); err != nil {
				t.Errorf("between COPY and the compare-and-set the ledger's row is locked: %v", err)
			}
		}
	}}
	if err := s.writer.write(t.Context(), partlog.TopicID{}, rideBatch(t, f.topic, 0, 5)); err != nil {
		t.Fatal(err)
	}
	if !looked {
		t.Error("the point after COPY was not reached")
	}
}

// Of two first starters the one that comes second moves nothing: what the first wrote counts for both.
func TestTheFirstStarterDecides(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	s := f.sink(f.config())
	tp := topicPartition{topic: f.topic}
	for _, start := range []Position{40, 7} {
		if err := s.ledger.make(t.Context(), []newRow{{topicPartition: tp, topicID: partlog.TopicID{1}, start: start}}, "group"); err != nil {
			t.Fatal(err)
		}
	}
	at, err := s.ledger.position(t.Context(), tp)
	if err != nil || at.next != 40 {
		t.Errorf("the position is %d (%v), want the first starter's 40", at.next, err)
	}
	if first := f.count("SELECT first_offset FROM sink_ledger"); first != 40 {
		t.Errorf("first_offset is %d, want 40", first)
	}
}
