package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ridesink/internal/serde"
	"ridesink/schema"
)

// deadletters_retry.go: what today's binary, or today's table, takes becomes rows. The rest stays, with today's reason.

// Retried is what became of a partition's dead letters.
type Retried struct {
	Place
	Stored int64 `json:"stored"` // as rows of rides
	Stay   int64 `json:"stay"`   // as dead letters
}

const (
	retryRecords = 1000
	retryBytes   = 16 << 20
)

// RetryDeadLetters decodes them again, a partition and a bounded batch in one transaction each, and tells each about a partition that is
// done. What was done stays done if a later batch fails.
func (r *Repair) RetryDeadLetters(ctx context.Context, f Filter, decoder *serde.Decoder, each func(Retried)) error {
	counted, err := r.CountDeadLetters(ctx, f)
	if err != nil {
		return err
	}
	for _, p := range counted {
		done := Retried{Place: p.Place}
		for from, more := int64(0), true; more; {
			if from, more, err = r.retryBatch(ctx, f, decoder, from, &done); err != nil {
				return fmt.Errorf("retry the dead letters of %s (%d were stored before): %w", p.Place, done.Stored, err)
			}
		}
		each(done)
	}
	return nil
}

// letter is a dead letter at hand.
type letter struct {
	offset int64
	millis int64
	value  []byte
	row    []byte // as a tuple of COPY
	bad    *refusal
}

// refusal is why a record cannot be a row.
type refusal struct{ reason, text, sqlstate string }

func (r *Repair) retryBatch(ctx context.Context, f Filter, decoder *serde.Decoder, from int64, done *Retried) (next int64, more bool, err error) {
	var stored, stay int64
	err = r.locked(ctx, []Place{done.Place}, func(tx pgx.Tx, _ []ledgerRow) error {
		letters, err := r.take(ctx, tx, f, done.Place, from)
		if err != nil || len(letters) == 0 {
			return err
		}
		next, more = letters[len(letters)-1].offset+1, true
		var good []*letter
		for _, l := range letters {
			if err := l.decode(ctx, decoder, done.Place); err != nil {
				return err
			}
			if l.bad == nil {
				good = append(good, l)
			}
		}
		if err := halve(ctx, tx, good); err != nil {
			return err
		}
		var offsets []int64
		for _, l := range letters {
			if l.bad == nil {
				offsets = append(offsets, l.offset)
				continue
			}
			stay++
			if _, err := tx.Exec(ctx, explainLetter, pgx.NamedArgs{
				"topic": done.Topic, "partition": done.Partition, "offset": l.offset, "reason": l.bad.reason, "error": l.bad.text, "sqlstate": l.bad.sqlstate,
			}); err != nil {
				return fmt.Errorf("say why %d stays: %w", l.offset, err)
			}
		}
		stored = int64(len(offsets))
		return removeLetters(ctx, tx, done.Place, offsets, stored, 0)
	})
	if err == nil {
		done.Stored, done.Stay = done.Stored+stored, done.Stay+stay
	}
	return next, more, err
}

// take reads the next dead letters of a partition.
func (r *Repair) take(ctx context.Context, tx pgx.Tx, f Filter, at Place, from int64) ([]*letter, error) {
	args := f.args()
	args["topic"], args["partition"], args["from"], args["limit"], args["bytes"] = at.Topic, at.Partition, from, retryRecords, retryBytes
	rows, err := tx.Query(ctx, takeLetters, args)
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*letter, error) {
		l := &letter{millis: -1}
		var at *time.Time
		err := row.Scan(&l.offset, &at, &l.value)
		if at != nil {
			l.millis = at.UnixMilli()
		}
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", err)
	}
	return letters, nil
}

// decode makes the row, or says why there is none. Its error is not about the record.
func (l *letter) decode(ctx context.Context, decoder *serde.Decoder, at Place) (err error) {
	if l.value == nil {
		l.bad = &refusal{reason: string(schema.ReasonInvalidJSON), text: "it has no value"}
		return nil
	}
	l.row, err = decoder.AppendRow(ctx, nil, schema.Coordinates{Topic: at.Topic, Partition: at.Partition, Offset: l.offset, Timestamp: l.millis}, l.value)
	var bad *schema.DecodeError
	if errors.As(err, &bad) {
		l.bad = &refusal{reason: string(bad.Reason), text: bad.Error()}
		return nil
	}
	return err
}

// halve stores the rows of letters and, where PostgreSQL refuses them, each half, until each that is refused stands alone. What only
// the rows together break (a unique index) refuses the later of them.
func halve(ctx context.Context, tx pgx.Tx, letters []*letter) error {
	if len(letters) == 0 {
		return nil
	}
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	streams := []io.Reader{bytes.NewReader(schema.AppendCopyHeader(nil))}
	for _, l := range letters {
		streams = append(streams, bytes.NewReader(l.row))
	}
	streams = append(streams, bytes.NewReader(schema.AppendCopyTrailer(nil)))
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, io.MultiReader(streams...), copyRides())
	if err == nil && tag.RowsAffected() != int64(len(letters)) {
		return fmt.Errorf("PostgreSQL stored %d of %d rows: a trigger or rule on rides drops rows; make it raise an error instead", tag.RowsAffected(), len(letters))
	}
	if err == nil {
		return savepoint.Commit(ctx)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || !blamesRow(pg) {
		return fmt.Errorf("copy into rides: %w", err)
	}
	if err := savepoint.Rollback(ctx); err != nil {
		return err
	}
	if len(letters) == 1 {
		letters[0].bad = &refusal{reason: string(schema.ReasonRejected), text: "PostgreSQL refuses the row: " + pg.Message, sqlstate: pg.Code}
		return nil
	}
	middle := len(letters) / 2
	if err := halve(ctx, tx, letters[:middle]); err != nil {
		return err
	}
	return halve(ctx, tx, letters[middle:])
}

// blamesRow says that a record is to blame, and not the table, the session or the server: a constraint with a name, a value that a
// column cannot hold, or an exception that a trigger of the user's raises.
func blamesRow(pg *pgconn.PgError) bool {
	switch {
	case strings.HasPrefix(pg.Code, "23"):
		return pg.ConstraintName != "" || pg.Code == "23502"
	case strings.HasPrefix(pg.Code, "22"):
		return pg.Code != "22P04"
	}
	return pg.Code == "P0001" || pg.Code == "54000"
}

// removeLetters deletes dead letters and moves the ledger's counts: to inserted, or to lost.
func removeLetters(ctx context.Context, tx pgx.Tx, at Place, offsets []int64, inserted, lost int64) error {
	if len(offsets) == 0 {
		return nil
	}
	tag, err := tx.Exec(ctx, deleteLetters, pgx.NamedArgs{"topic": at.Topic, "partition": at.Partition, "offsets": offsets})
	switch {
	case err != nil:
		return fmt.Errorf("remove the dead letters: %w", err)
	case tag.RowsAffected() != int64(len(offsets)):
		return fmt.Errorf("%d of %d dead letters were there to be removed: somebody else changes them: start again", tag.RowsAffected(), len(offsets))
	}
	if _, err := tx.Exec(ctx, moveCounts, pgx.NamedArgs{"topic": at.Topic, "partition": at.Partition, "inserted": inserted, "lost": lost}); err != nil {
		return fmt.Errorf("move the ledger's counts: %w", err)
	}
	return nil
}
