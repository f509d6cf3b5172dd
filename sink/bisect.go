package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ridesink/internal/partlog"
	"ridesink/schema"
)

// bisect.go: PostgreSQL refused a batch because of one record or a few. They are found by halving, inside a transaction that is rolled
// back, read again from Kafka, and made dead letters; write.go then writes the rest as usual, so that there is one place that stores.

// errRecordGone says that a record which was read a moment ago is not in the log any more, by retention or compaction.
var errRecordGone = errors.New("the record is gone from Kafka, so it cannot be kept as a dead letter")

// rejection is a row that PostgreSQL refuses.
type rejection struct {
	row int // in batch.index
	err *pgconn.PgError
}

// bisect takes the rows that PostgreSQL refuses out of b and adds them to its dead letters. b stays sealed. It costs O(bad x log n)
// round trips, and stores nothing itself.
func (p *pipeline) bisect(ctx context.Context, b *batch) error {
	rejected, err := p.sink.writer.rejected(ctx, b)
	if err != nil {
		return fmt.Errorf("find what PostgreSQL refuses of %s: %w", b, err)
	}
	letters := make([]deadLetter, 0, len(rejected))
	for _, r := range rejected {
		letter, err := p.readAgain(ctx, b.index[r.row].offset, r.err)
		if err != nil {
			return fmt.Errorf("read %s at offset %d again: %w", p.topicPartition, b.index[r.row].offset, err)
		}
		letters = append(letters, letter)
	}
	b.reject(rejected, letters)
	return nil
}

// rejected returns the rows of b that PostgreSQL refuses, in order. Everything it does is rolled back.
func (w *writer) rejected(ctx context.Context, b *batch) ([]rejection, error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	tx, err := w.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer rollback(ctx, tx)
	var found []rejection
	if err := w.halve(ctx, tx, b, 0, len(b.index), &found); err != nil {
		return nil, err
	}
	return found, nil
}

// halve tries the rows [low, high) and, where they are refused, each half. A constraint that only the rows together break (a unique
// index) refuses the later of them, because the earlier stay in the transaction.
func (w *writer) halve(ctx context.Context, tx pgx.Tx, b *batch, low, high int, found *[]rejection) error {
	if low == high {
		return nil
	}
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	stream := io.MultiReader(bytes.NewReader(schema.AppendCopyHeader(nil)), bytes.NewReader(b.tuples(low, high)))
	if high < len(b.index) { // the last tuple already carries the trailer of the sealed stream
		stream = io.MultiReader(stream, bytes.NewReader(schema.AppendCopyTrailer(nil)))
	}
	_, err = tx.Conn().PgConn().CopyFrom(ctx, stream, w.copyRides)
	if err == nil {
		return savepoint.Commit(ctx)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || classify(err) != bisect {
		return err
	}
	if err := savepoint.Rollback(ctx); err != nil {
		return err
	}
	if high-low == 1 {
		*found = append(*found, rejection{row: low, err: pg})
		return nil
	}
	middle := low + (high-low)/2
	if err := w.halve(ctx, tx, b, low, middle, found); err != nil {
		return err
	}
	return w.halve(ctx, tx, b, middle, high, found)
}

// readAgain reads one record from Kafka and makes it the dead letter of a refusal.
func (p *pipeline) readAgain(ctx context.Context, offset int64, refusal *pgconn.PgError) (deadLetter, error) {
	reader := p.sink.partlog.Partition(p.topic, p.partition)
	limit := p.sink.cfg.MaxBatchBytes
	got, err := reader.Fetch(ctx, offset, partlog.FetchOptions{MaxBytes: minFetchBytes, BufferBytes: limit, MaxWait: pollWait}, new(partlog.Fetched))
	if err != nil {
		return deadLetter{}, err
	}
	var r partlog.Record
	for got.Record(&r) {
		if r.Offset == offset {
			return newDeadLetter(&r, string(schema.ReasonRejected), "PostgreSQL refuses the row: "+refusal.Message, refusal.Code)
		}
	}
	if err := got.Err(); err != nil {
		return deadLetter{}, err
	}
	return deadLetter{}, errRecordGone
}
