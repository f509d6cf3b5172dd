package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ridesink/internal/partlog"
)

// write.go: ONE BATCH, ONE TRANSACTION. Before it decode.go, which filled the batch; after it commit.go, which tells Kafka.

const (
	// transactionTimeout bounds one attempt to write a batch, so that a connection that was cut without a word is given up at last.
	transactionTimeout = time.Minute
	// rollbackTimeout bounds a ROLLBACK. Closing the connection does the same, only later.
	rollbackTimeout = 5 * time.Second
)

// ErrFenced says that the ledger was not where a batch begins: another member owns the partition by now, or the position was reset.
// Nothing of the batch was stored.
var ErrFenced = errors.New("the ledger is not where the batch begins")

// outcomeUnknownError says that the end of a transaction got no answer, or an answer that does not settle it. Only the ledger knows.
type outcomeUnknownError struct{ cause error }

func (e *outcomeUnknownError) Error() string { return "commit: " + e.cause.Error() }

func (e *outcomeUnknownError) Unwrap() error { return e.cause }

// writer makes batches durable. Safe for concurrent use: it holds a pooled connection only while a transaction runs.
type writer struct {
	db        *pgxpool.Pool
	copyRides string
	group     string
	points    *points
}

// write makes b and its position durable in one transaction. It does not retry and it does not commit to Kafka. It returns ErrFenced
// if the ledger is not where b begins, *outcomeUnknownError if COMMIT did not clearly succeed, and otherwise what PostgreSQL said; then
// nothing was stored.
func (w *writer) write(ctx context.Context, id partlog.TopicID, b *batch) (err error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	tx, err := w.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer rollback(ctx, tx)
	if len(b.index) > 0 {
		tag, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(b.rows), w.copyRides)
		if err != nil {
			return &copyError{cause: fmt.Errorf("copy %s: %w", b, err)}
		}
		if tag.RowsAffected() != b.counts.inserted {
			return fmt.Errorf("copy %s: %w", b, &rowCountError{sent: b.counts.inserted, stored: tag.RowsAffected()})
		}
	}
	if err := copyDeadLetters(ctx, tx, b); err != nil {
		return fmt.Errorf("copy the dead letters of %s: %w", b, err)
	}
	w.points.reached(afterCopy)
	if err := w.advance(ctx, tx, id, b); err != nil {
		return fmt.Errorf("advance the ledger of %s: %w", b, err)
	}
	w.points.reached(afterAdvance)
	if err := tx.Commit(ctx); err != nil {
		return &outcomeUnknownError{cause: fmt.Errorf("%s: %w", b, err)}
	}
	w.points.reached(afterEnd)
	return nil
}

// advance moves the position from b.first to b.next: the compare-and-set that makes doubles impossible.
func (w *writer) advance(ctx context.Context, tx pgx.Tx, id partlog.TopicID, b *batch) error {
	if b.event != nil {
		_, err := tx.Exec(ctx, recordEvent, pgx.NamedArgs{
			"event": b.event.name, "topic": b.topic, "partition": b.partition, "first": b.event.first, "next": b.event.next, "reason": b.event.reason,
		})
		if err != nil {
			return fmt.Errorf("record %s: %w", b.event.name, err)
		}
	}
	tag, err := tx.Exec(ctx, advanceLedger, pgx.NamedArgs{
		"topic": b.topic, "partition": b.partition, "topic_id": uuid(id), "first": b.first, "next": b.next, "group": w.group,
		"inserted": b.counts.inserted, "dead_lettered": b.counts.deadLettered, "tombstones": b.counts.tombstones,
		"not_records": b.counts.notRecords, "lost": b.counts.lost,
		"last_offset":       pgtype.Int8{Int64: b.last.offset, Valid: b.last.known},
		"last_timestamp":    pgtype.Int8{Int64: b.last.timestamp, Valid: b.last.known},
		"last_leader_epoch": pgtype.Int4{Int32: b.last.leaderEpoch, Valid: b.last.known},
	})
	if err != nil {
		return err
	}
	if tag.RowsAffected() != 1 {
		return ErrFenced
	}
	return nil
}

// rollback ends tx if it still runs. It outlives ctx, for a while: without it the server would keep the transaction until keepalives
// notice. After a successful Commit it does nothing.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(ctx) // nothing was stored either way; pgx closes a connection that does not answer
}

// rowCountError says that a rule or trigger of the user's kept rows out of rides without an error.
type rowCountError struct{ sent, stored int64 }

func (e *rowCountError) Error() string {
	return fmt.Sprintf("PostgreSQL stored %d of %d rows: a trigger or rule on rides drops rows; remove it, or make it raise an error, so that such records become dead letters", e.stored, e.sent)
}
