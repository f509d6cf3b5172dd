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

// positionInterval is how often a position that moves over no records is written at most.
const positionInterval = time.Second

// writeAll writes batches in order until in is closed, and hands their memory back. A batch that only moves the position waits for
// company, for positionInterval at most. It returns what the last batch says comes after it.
func (p *pipeline) writeAll(ctx context.Context, in <-chan *batch, free chan<- *batch) error {
	var held *batch
	var due <-chan time.Time // fires when held must not wait any longer
	var wrote time.Time
	for {
		var b *batch
		select {
		case next, open := <-in:
			if !open {
				return p.put(ctx, held)
			}
			b = next
			if held != nil {
				b.follow(held)
				free <- held
				held, due = nil, nil
			}
			if wait := positionInterval - time.Since(wrote); b.positionOnly() && b.after == nil && wait > 0 {
				held, due = b, time.After(wait)
				continue
			}
		case <-due:
			b, held, due = held, nil, nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := p.put(ctx, b); err != nil {
			return err
		}
		if b.after != nil {
			return b.after
		}
		wrote = time.Now()
		if b.retried {
			b = new(batch) // pgx does not wait for what reads rows when a connection breaks
		}
		free <- b
	}
}

// put writes b, however often it takes, and tells everybody who wants to know. Outages are waited for here. It returns errMoved if the
// ledger is elsewhere.
func (p *pipeline) put(ctx context.Context, b *batch) error {
	if b == nil || b.first == b.next {
		return nil
	}
	b.seal()
	trouble := p.sink.outage("postgres", p.log)
	defer trouble.forget()
	uncertain := false // an attempt may have been durable without our knowing
	for {
		started := time.Now()
		err := p.sink.writer.write(ctx, p.id, b)
		if err == nil {
			trouble.ended(ctx)
			p.wrote(b, time.Since(started))
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.retried = true
		p.log.DebugContext(ctx, "write failed", "batch", b.String(), "err", err)
		var unknown *outcomeUnknownError
		uncertain = uncertain || errors.As(err, &unknown)
		switch p.mend(ctx, b, err, uncertain, trouble) {
		case mended:
			continue
		case wasWritten:
			trouble.ended(ctx)
			p.wrote(b, time.Since(started))
			return nil
		case movedAway:
			return errMoved
		case tooSlow:
			return &slowError{cause: err}
		case tooCoarse:
			return &refusedError{until: b.next, cause: err}
		case cannotMend:
			return err
		}
	}
}

// remedy is what mend did about a failed write.
type remedy int

const (
	mended     remedy = iota // write the batch again
	wasWritten               // the ledger says that it is written
	movedAway                // the ledger is elsewhere
	tooSlow                  // smaller batches are needed
	tooCoarse                // small batches that keep their records are needed
	cannotMend               // halt
)

// mend does what err asks for, waiting included. uncertain says that this attempt or one before it may have been durable.
func (p *pipeline) mend(ctx context.Context, b *batch, err error, uncertain bool, trouble *outage) remedy {
	action := classify(err)
	if action == reread {
		switch at, moved := p.whereIs(ctx, b, trouble); {
		case moved:
			return movedAway
		case at == b.next && uncertain:
			return wasWritten
		case at != b.first: // also at b.next, where another owner wrote the same range
			return movedAway
		case errors.Is(err, ErrFenced):
			return movedAway // the position fits, so the topic's id does not
		}
		action = classify(errors.Unwrap(err)) // not written: what was the cause?
		if action == reread {
			action = retry
		}
	}
	switch action {
	case retry:
		p.freeLock(ctx, err)
		sleep(ctx, trouble.failed(ctx, err))
		return mended
	case bisect:
		if b.records == nil {
			return tooCoarse
		}
		if err := p.bisect(ctx, b); err != nil {
			p.log.DebugContext(ctx, "bisect failed", "batch", b.String(), "err", err)
			if classify(err) != retry {
				return cannotMend
			}
			sleep(ctx, trouble.failed(ctx, err))
		}
		return mended
	case shrink:
		return tooSlow
	default:
		return cannotMend
	}
}

// whereIs asks the ledger for p's position until it answers. moved says that it is not ours to write any more.
func (p *pipeline) whereIs(ctx context.Context, b *batch, trouble *outage) (at Position, moved bool) {
	for {
		place, err := p.sink.ledger.position(ctx, p.topicPartition)
		switch {
		case err == nil:
			return place.next, place.topicID != p.id
		case ctx.Err() != nil, errors.Is(err, errRowVanished):
			return 0, true // the pipeline looks again and decides
		}
		p.log.DebugContext(ctx, "cannot read the position", "batch", b.String(), "err", err)
		sleep(ctx, trouble.failed(ctx, err))
	}
}

// freeLock ends a frozen session of ours that keeps the ledger's row from us, if err says that there may be one.
func (p *pipeline) freeLock(ctx context.Context, err error) {
	if !isLockTimeout(err) {
		return
	}
	tag, err := p.sink.db.Exec(ctx, terminateStuck)
	if err != nil {
		p.log.DebugContext(ctx, "cannot look for stuck sessions", "err", err)
		return
	}
	if n := tag.RowsAffected(); n > 0 {
		p.log.WarnContext(ctx, "ended a frozen session that held the ledger", "sessions", n)
	}
}

// wrote notes a batch that is durable.
func (p *pipeline) wrote(b *batch, took time.Duration) {
	p.state.wrote(b)
	p.sink.metrics.wrote(b, took)
	p.committer.note(p.topicPartition, b.next)
	p.log.Debug("wrote", "first", int64(b.first), "next", int64(b.next), "records", b.counts.inserted,
		"dead_letters", b.counts.deadLettered, "bytes", len(b.rows), "took_seconds", took.Seconds())
}
