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

// bisect.go: PostgreSQL refused a batch because of one record or a few. The refused rows are found by halving, inside a transaction that is
// rolled back; then the range is read from Kafka again, and decode.go makes dead letters of them. So there is one place that stores, and
// batches need not keep the bytes of their records for the rare case.

// copyError says that PostgreSQL refused the COPY into rides, and nothing else of the transaction: a row may be to blame.
type copyError struct{ cause error }

func (e *copyError) Error() string { return e.cause.Error() }
func (e *copyError) Unwrap() error { return e.cause }

// refusal is a record whose row PostgreSQL refuses.
type refusal struct {
	offset   int64
	why      string
	sqlstate string
}

// refusedError says which records of a batch PostgreSQL refuses: some of them, if they are many.
type refusedError struct {
	records []refusal
	cause   error
}

func (e *refusedError) Error() string { return e.cause.Error() }
func (e *refusedError) Unwrap() error { return e.cause }

// errNothingRefused says that PostgreSQL takes every row of a batch that it refused as a whole.
var errNothingRefused = errors.New("PostgreSQL refuses the transaction but no single row: look for a trigger or constraint that is checked over several rows")

// bisection is one search.
type bisection struct {
	w      *writer
	tx     pgx.Tx
	b      *batch
	found  []refusal // in the order of rows
	copies int       // COPYs that were tried
}

// bisect returns the first rows of a sealed b that PostgreSQL refuses, at most deadLettersPerBatch: no batch takes more dead letters. It stores
// nothing. For bad of n rows it tries at most 1 + 2 x bad x (1 + log2 n) COPYs.
func (w *writer) bisect(ctx context.Context, b *batch) (*bisection, error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	tx, err := w.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer rollback(ctx, tx)
	search := &bisection{w: w, tx: tx, b: b}
	if err := search.halve(ctx, 0, len(b.index)); err != nil {
		return nil, err
	}
	if len(search.found) == 0 {
		return nil, errNothingRefused
	}
	return search, nil
}

// halve tries the rows [low, high) and, where they are refused, each half. A constraint that only the rows together break refuses the later of
// them, because the earlier stay in the transaction.
func (s *bisection) halve(ctx context.Context, low, high int) error {
	if low == high || len(s.found) >= deadLettersPerBatch {
		return nil
	}
	savepoint, err := s.tx.Begin(ctx)
	if err != nil {
		return err
	}
	stream := io.MultiReader(bytes.NewReader(schema.AppendCopyHeader(nil)), bytes.NewReader(s.b.tuples(low, high)))
	if high < len(s.b.index) { // the last tuple already carries the trailer of the sealed stream
		stream = io.MultiReader(stream, bytes.NewReader(schema.AppendCopyTrailer(nil)))
	}
	s.copies++
	_, err = s.tx.Conn().PgConn().CopyFrom(ctx, stream, s.w.copyRides)
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
		s.found = append(s.found, refusal{offset: s.b.index[low].offset, why: "PostgreSQL refuses the row: " + pg.Message, sqlstate: pg.Code})
		return nil
	}
	middle := low + (high-low)/2
	if err := s.halve(ctx, low, middle); err != nil {
		return err
	}
	return s.halve(ctx, middle, high)
}
