package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// deadletters_list.go: reads dead letters, by filter.

// Filter chooses dead letters.
type Filter struct {
	Selection
	Reasons      []string  // none: all
	Since, Until time.Time // when they became dead letters, half-open; zero: open
}

// args are the parameters of filterLetters.
func (f Filter) args() pgx.NamedArgs {
	args := pgx.NamedArgs{"topics": f.Topics, "partition_topics": []string{}, "partitions": nil, "reasons": nil, "since": nil, "until": nil}
	if len(f.Partitions) > 0 {
		args["partition_topics"], args["partitions"] = columns(f.Partitions)
	}
	if len(f.Reasons) > 0 {
		args["reasons"] = f.Reasons
	}
	if !f.Since.IsZero() {
		args["since"] = f.Since
	}
	if !f.Until.IsZero() {
		args["until"] = f.Until
	}
	return args
}

// DeadLetter is one, without its bytes.
type DeadLetter struct {
	Place
	Offset     int64      `json:"offset"`
	Timestamp  *time.Time `json:"timestamp"` // of the record, null for none
	Reason     string     `json:"reason"`
	Error      string     `json:"error"`
	SQLState   string     `json:"sqlstate,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	KeyBytes   *int       `json:"key_bytes"` // null for a null key
	ValueBytes *int       `json:"value_bytes"`
}

// Header is a header of a record; Value is nil for null.
type Header struct{ Key, Value []byte }

// WholeLetter is a dead letter with all that is kept of it.
type WholeLetter struct {
	DeadLetter
	Key     []byte   `json:"key"` // base64 in JSON
	Value   []byte   `json:"value"`
	Headers []Header `json:"headers"`
}

// ListDeadLetters calls each with at most limit dead letters, in the order of partitions and offsets.
func (r *Repair) ListDeadLetters(ctx context.Context, f Filter, limit int64, each func(DeadLetter) error) error {
	args := f.args()
	args["limit"] = limit
	rows, err := r.db.Query(ctx, listLetters, args)
	if err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	var l DeadLetter
	_, err = pgx.ForEachRow(rows, []any{
		&l.Topic, &l.Partition, &l.Offset, &l.Timestamp, &l.Reason, &l.Error, &l.SQLState, &l.CreatedAt, &l.KeyBytes, &l.ValueBytes,
	}, func() error { return each(l) })
	if err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	return nil
}

// ShowDeadLetter returns one.
func (r *Repair) ShowDeadLetter(ctx context.Context, at Place, offset int64) (*WholeLetter, error) {
	l := &WholeLetter{DeadLetter: DeadLetter{Place: at, Offset: offset}}
	var headers pgtype.Array[[]byte] // n x 2
	err := r.db.QueryRow(ctx, showLetter, pgx.NamedArgs{"topic": at.Topic, "partition": at.Partition, "offset": offset}).Scan(
		&l.Timestamp, &l.Reason, &l.Error, &l.SQLState, &l.CreatedAt, &l.Key, &l.Value, &headers)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, usagef("%s/%d is no dead letter: sink deadletters list names them", at, offset)
	case err != nil:
		return nil, fmt.Errorf("read the dead letter: %w", err)
	}
	for pair := range slices.Chunk(headers.Elements, 2) {
		l.Headers = append(l.Headers, Header{Key: pair[0], Value: pair[1]})
	}
	for into, bytes := range map[**int][]byte{&l.KeyBytes: l.Key, &l.ValueBytes: l.Value} {
		if bytes != nil {
			n := len(bytes)
			*into = &n
		}
	}
	return l, nil
}

// PartitionLetters is how many dead letters of a partition a filter chooses.
type PartitionLetters struct {
	Place
	DeadLetters int64 `json:"dead_letters"`
}

// CountDeadLetters counts by partition, in order.
func (r *Repair) CountDeadLetters(ctx context.Context, f Filter) ([]PartitionLetters, error) {
	rows, err := r.db.Query(ctx, countLetters, f.args())
	if err != nil {
		return nil, fmt.Errorf("count the dead letters: %w", err)
	}
	counted, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PartitionLetters, err error) {
		err = row.Scan(&p.Topic, &p.Partition, &p.DeadLetters)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("count the dead letters: %w", err)
	}
	return counted, nil
}
