package sink

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ridesink/internal/partlog"
)

// deadletter.go: a record that cannot become a row is kept here byte for byte, in the transaction of the batch that it belongs to.

// deadLetter is a row of sink_dead_letters. Its bytes are its own.
type deadLetter struct {
	offset     int64
	timestamp  int64 // ms since the epoch, -1 for none
	key, value []byte
	headers    []partlog.Header
	reason     string
	err        string
	sqlstate   string // empty unless PostgreSQL rejected it
}

// newDeadLetter copies r out of the buffers that it lies in. bytes.Clone keeps null and empty apart.
func newDeadLetter(r *partlog.Record, reason, err, sqlstate string) (deadLetter, error) {
	headers, herr := r.Headers()
	if herr != nil {
		return deadLetter{}, fmt.Errorf("read its headers: %w", herr)
	}
	letter := deadLetter{
		offset: r.Offset, timestamp: r.Timestamp, key: bytes.Clone(r.Key), value: bytes.Clone(r.Value),
		headers: make([]partlog.Header, 0, len(headers)), reason: reason, err: err, sqlstate: sqlstate,
	}
	for _, h := range headers {
		letter.headers = append(letter.headers, partlog.Header{Key: append([]byte{}, h.Key...), Value: bytes.Clone(h.Value)})
	}
	return letter, nil
}

// bytes is about how much memory the letter holds.
func (l *deadLetter) bytes() int {
	n := len(l.key) + len(l.value) + len(l.err) + 256
	for _, h := range l.headers {
		n += len(h.Key) + len(h.Value) + 64
	}
	return n
}

// deadLetterColumns is the order of deadLetter.row.
func deadLetterColumns() []string {
	return []string{
		"kafka_topic", "kafka_partition", "kafka_offset", "kafka_timestamp", "record_key", "record_value", "record_headers", "reason", "error", "sqlstate",
	}
}

// copyDeadLetters stores the dead letters of b inside its transaction.
func copyDeadLetters(ctx context.Context, tx pgx.Tx, b *batch) error {
	if len(b.dead) == 0 {
		return nil
	}
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"sink_dead_letters"}, deadLetterColumns(), pgx.CopyFromSlice(len(b.dead), func(i int) ([]any, error) {
		return b.dead[i].row(b.topicPartition), nil
	}))
	if err != nil {
		return err
	}
	if n != int64(len(b.dead)) {
		return fmt.Errorf("PostgreSQL stored %d of %d dead letters: a trigger or rule on sink_dead_letters drops rows; remove it and start again", n, len(b.dead))
	}
	return nil
}

func (l *deadLetter) row(tp topicPartition) []any {
	return []any{
		tp.topic, tp.partition, l.offset, timestamptz(l.timestamp), l.key, l.value, headerArray(l.headers), l.reason, l.err,
		pgtype.Text{String: l.sqlstate, Valid: l.sqlstate != ""},
	}
}

// timestamptz is a record's timestamp as PostgreSQL can hold it: null for none and for what is out of its range (4713 BC to 294276 AD).
func timestamptz(ms int64) pgtype.Timestamptz {
	const last = 9224318015999 * 1000 // 294276-12-31 23:59:59 UTC
	if ms < 0 || ms > last {
		return pgtype.Timestamptz{}
	}
	return pgtype.Timestamptz{Time: time.UnixMilli(ms).UTC(), Valid: true}
}

// headerArray is an n x 2 array of {key, value} pairs in the record's order, repeats and null values included; null without headers.
func headerArray(headers []partlog.Header) pgtype.Array[[]byte] {
	if len(headers) == 0 {
		return pgtype.Array[[]byte]{}
	}
	a := pgtype.Array[[]byte]{
		Valid: true,
		Dims:  []pgtype.ArrayDimension{{Length: int32(len(headers)), LowerBound: 1}, {Length: 2, LowerBound: 1}},
	}
	for _, h := range headers {
		a.Elements = append(a.Elements, h.Key, h.Value)
	}
	return a
}
