package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ridesink/schema"
)

// bisect.go: PostgreSQL refused a batch because of one record or a few. The range is read again in small batches that keep their records
// (careful, in pipeline.go). In each, the refused rows are found by halving, inside a transaction that is rolled back, and made dead
// letters; write.go then writes the batch as usual, so that there is one place that stores, and what was found stays found.

// carefulRecords is how many records a batch has in a range that PostgreSQL refused.
const carefulRecords = 64

// copyError says that PostgreSQL refused the COPY into rides, and nothing else of the transaction: a row may be to blame.
type copyError struct{ cause error }

func (e *copyError) Error() string { return e.cause.Error() }
func (e *copyError) Unwrap() error { return e.cause }

// refusedError says that a batch without its records was refused: the range up to until must be read again carefully.
type refusedError struct {
	until Position
	cause error
}

func (e *refusedError) Error() string { return e.cause.Error() }
func (e *refusedError) Unwrap() error { return e.cause }

// errNothingRefused says that PostgreSQL takes every row of a batch that it refused as a whole.
var errNothingRefused = errors.New("PostgreSQL refuses the transaction but no single row: look for a trigger or constraint that is checked over several rows")

// rejection is a row that PostgreSQL refuses.
type rejection struct {
	row int // in batch.index
	err *pgconn.PgError
}

// bisect takes the rows that PostgreSQL refuses out of b and adds them to its dead letters. b keeps its records and stays sealed. It costs
// O(bad x log n) round trips, and stores nothing itself.
func (p *pipeline) bisect(ctx context.Context, b *batch) error {
	rejected, err := p.sink.writer.rejected(ctx, b)
	if err != nil {
		return fmt.Errorf("find what PostgreSQL refuses of %s: %w", b, err)
	}
	if len(rejected) == 0 {
		return errNothingRefused
	}
	letters := make([]deadLetter, 0, len(rejected))
	for _, r := range rejected {
		letter := b.records[r.row]
		letter.reason, letter.err, letter.sqlstate = string(schema.ReasonRejected), "PostgreSQL refuses the row: "+r.err.Message, r.err.Code
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
	if err = (&copyError{cause: err}); !errors.As(err, &pg) || classify(err) != bisect {
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
