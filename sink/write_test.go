package sink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"

	"ridesink/internal/partlog"
	"ridesink/schema"
)

// rideBatch is a batch of n rides [first, first+n) of partition 0.
func rideBatch(t *testing.T, topic string, first, n int) *batch {
	t.Helper()
	b := new(batch)
	b.reset(topicPartition{topic: topic}, Position(first), newShare(1<<20, 1<<20))
	d := schema.NewDecoder()
	for i, value := range rides(first, n) {
		r := partlog.Record{Offset: int64(first + i), Timestamp: 1593563132000, LeaderEpoch: 3, Value: value}
		begin := len(b.rows)
		rows, err := d.AppendRow(b.rows, schema.Coordinates{Topic: topic, Offset: r.Offset, Timestamp: r.Timestamp}, value)
		if err != nil {
			t.Fatal(err)
		}
		b.rows, b.index = rows, append(b.index, rowAt{offset: r.Offset, begin: begin})
		b.counts.inserted++
		b.covers(&r)
	}
	b.seal()
	return b
}

// What a transaction leaves behind, by where the ledger is before it.
func TestWrite(t *testing.T) {
	t.Parallel()
	id := partlog.TopicID{1}
	for _, c := range []struct {
		scenario string
		position int // in the ledger before
		ledgerID partlog.TopicID
		first, n int
		want     int // position after
		wantErr  error
	}{
		{scenario: "a batch and its position become visible together", position: 100, ledgerID: id, first: 100, n: 500, want: 600},
		{scenario: "a batch of a former owner leaves no row", position: 600, ledgerID: id, first: 100, n: 200, want: 600, wantErr: ErrFenced},
		{scenario: "a batch beyond the position leaves no row", position: 100, ledgerID: id, first: 300, n: 200, want: 100, wantErr: ErrFenced},
		{scenario: "a batch that begins one too late leaves no row", position: 100, ledgerID: id, first: 101, n: 1, want: 100, wantErr: ErrFenced},
		{scenario: "a batch of another topic of the same name leaves no row", position: 100, ledgerID: partlog.TopicID{2}, first: 100, n: 5, want: 100, wantErr: ErrFenced},
		{scenario: "a batch of a topic whose row has no id leaves no row", position: 100, first: 100, n: 5, want: 100, wantErr: ErrFenced},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			f.exec("INSERT INTO sink_ledger (kafka_topic, kafka_partition, topic_id, first_offset, next_offset) VALUES ($1, 0, $2, 100, $3)", f.topic, uuid(c.ledgerID), c.position)
			s := f.sink(f.config())
			err := s.writer.write(t.Context(), id, rideBatch(t, f.topic, c.first, c.n))
			if !errors.Is(err, c.wantErr) {
				t.Fatalf("write = %v, want %v", err, c.wantErr)
			}
			rows := 0
			if c.wantErr == nil {
				rows = c.n
			}
			if got := f.count("SELECT count(*) FROM rides"); got != rows {
				t.Errorf("%d rows in rides, want %d", got, rows)
			}
			if got := f.count("SELECT next_offset FROM sink_ledger"); got != c.want {
				t.Errorf("the position is %d, want %d", got, c.want)
			}
			if got := f.count("SELECT inserted FROM sink_ledger"); got != rows {
				t.Errorf("the ledger counts %d inserted, want %d", got, rows)
			}
		})
	}
}

// A batch whose dead letters cannot be stored stores no rows either: there is one transaction.
func TestRowsAndDeadLettersShareATransaction(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.exec("INSERT INTO sink_ledger (kafka_topic, kafka_partition, first_offset, next_offset) VALUES ($1, 0, 0, 0)", f.topic)
	f.exec("INSERT INTO sink_dead_letters (kafka_topic, kafka_partition, kafka_offset, reason, error) VALUES ($1, 0, 7, 'invalid_json', 'left over')", f.topic)
	b := rideBatch(t, f.topic, 0, 7)
	b.dead = []deadLetter{{offset: 7, timestamp: -1, value: []byte("bad"), reason: "invalid_json", err: "cut off"}}
	b.counts.deadLettered, b.next = 1, 8
	err := f.sink(f.config()).writer.write(t.Context(), partlog.TopicID{}, b)
	if err == nil || classify(err) != halt {
		t.Fatalf("write over a dead letter that is there already = %v, which is not halted on", err)
	}
	if n := f.count("SELECT count(*) FROM rides"); n != 0 {
		t.Errorf("%d rows in rides, want none", n)
	}
}

// The outcome of a COMMIT that gets no answer is what the ledger says, both ways.
func TestUnknownOutcomeAsksTheLedger(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		point    point // where the connection is lost
		rows     int   // in rides when the pipeline asks
		want     remedy
	}{
		{scenario: "lost after the server made it durable", point: afterEnd, rows: 5, want: wasWritten},
		{scenario: "lost before the server saw COMMIT", point: afterAdvance, rows: 0, want: mended},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			f.exec("INSERT INTO sink_ledger (kafka_topic, kafka_partition, first_offset, next_offset) VALUES ($1, 0, 0, 0)", f.topic)
			s := f.sink(f.config())
			ctx, lose := context.WithCancel(t.Context())
			s.writer.points = &points{at: func(at point) {
				if at == c.point {
					lose()
				}
			}}
			b := rideBatch(t, f.topic, 0, 5)
			err := s.writer.write(ctx, partlog.TopicID{}, b)
			if c.point == afterAdvance && err == nil {
				t.Fatal("the transaction ended although its connection was lost")
			}
			p := &pipeline{topicPartition: b.topicPartition, sink: s, log: s.log, state: newPartitionState(b.topicPartition), rows: newRowsLimit(1 << 20), connections: newQueue(struct{}{})}
			if got := p.mend(t.Context(), b, &outcomeUnknownError{cause: io.ErrUnexpectedEOF}, true, s.outage("postgres")); got != c.want {
				t.Errorf("mend = %d, want %d", got, c.want)
			}
			if n := f.count("SELECT count(*) FROM rides"); n != c.rows {
				t.Errorf("%d rows in rides, want %d", n, c.rows)
			}
		})
	}
}

// unseal makes a batch again what put is given.
func unseal(b *batch) { b.rows = bytes.TrimSuffix(b.rows, schema.AppendCopyTrailer(nil)) }

// A member that lost its partition counts nothing of what its successor wrote, also where both read the same range.
func TestWhatASuccessorWroteIsNotCountedTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.exec("INSERT INTO sink_ledger (kafka_topic, kafka_partition, first_offset, next_offset) VALUES ($1, 0, 0, 0)", f.topic)
	s := f.sink(f.config())
	b := rideBatch(t, f.topic, 0, 5)
	if err := s.writer.write(t.Context(), partlog.TopicID{}, b); err != nil { // the successor
		t.Fatal(err)
	}
	p := &pipeline{topicPartition: b.topicPartition, sink: s, log: s.log, state: newPartitionState(b.topicPartition), rows: newRowsLimit(1 << 20), connections: newQueue(struct{}{})}
	unseal(b)
	if err := p.put(t.Context(), b); !errors.Is(err, errMoved) || p.state.counts.inserted != 0 {
		t.Errorf("put = %v and %d counted, want the ledger to have moved and none", err, p.state.counts.inserted)
	}
}

// A member that is frozen between the compare-and-set and COMMIT holds the ledger's row. Its successor gets it within a lock timeout and some.
func TestAFrozenMemberIsPushedAside(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	f.backfill(f.config())
	f.send(0, rides(10, 10)...)

	frozen := f.sink(f.config())
	tx, err := frozen.db.BeginTx(t.Context(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	id := frozenTopicID(f)
	if err := frozen.writer.advance(t.Context(), tx, id, rideBatch(t, f.topic, 10, 10)); err != nil {
		t.Fatal(err)
	}
	sum := f.backfill(f.config())
	if sum.ThisRun.Inserted != 10 {
		t.Errorf("the successor stored %d rides, want 10\n%s", sum.ThisRun.Inserted, f.log)
	}
	if err := tx.Commit(t.Context()); err == nil {
		t.Error("the frozen member could still commit")
	}
	if n := f.count("SELECT count(*) FROM rides"); n != 20 {
		t.Errorf("%d rows in rides, want 20", n)
	}
}

func frozenTopicID(f *fixture) (id partlog.TopicID) {
	f.t.Helper()
	if err := f.db.QueryRow(f.t.Context(), "SELECT topic_id FROM sink_ledger").Scan((*[16]byte)(&id)); err != nil {
		f.t.Fatal(err)
	}
	return id
}
