package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ridesink/internal/partlog"
)

// ledger.go: the positions in PostgreSQL, the only truth about what was read. Rows are made here at assignment; write.go moves them.

// Position is the next offset to read of a partition.
type Position int64

// topicPartition names one partition of one topic.
type topicPartition struct {
	topic     string
	partition int32
}

func (tp topicPartition) String() string { return fmt.Sprintf("%s/%d", tp.topic, tp.partition) }

// counts is what became of a range of offsets. Its sum is the length of the range: nothing is a remainder.
type counts struct {
	inserted, deadLettered, tombstones, notRecords, lost int64
}

func (c counts) sum() int64 {
	return c.inserted + c.deadLettered + c.tombstones + c.notRecords + c.lost
}

func (c counts) plus(d counts) counts {
	return counts{
		inserted:     c.inserted + d.inserted,
		deadLettered: c.deadLettered + d.deadLettered,
		tombstones:   c.tombstones + d.tombstones,
		notRecords:   c.notRecords + d.notRecords,
		lost:         c.lost + d.lost,
	}
}

// ledgerRow is a partition as sink_ledger has it.
type ledgerRow struct {
	topicPartition
	topicID      partlog.TopicID // zero where the ledger has none
	first        int64           // where the first start began
	next         Position
	counts       counts // over [first, next)
	group        string // who wrote last
	haltedReason string // empty while running
	haltedSince  bool   // halted at or after the time that was asked about
}

// ledgerTimeout bounds a statement of the ledger's, so that a connection that was cut without a word is given up. They read or write a few
// rows by primary key.
const ledgerTimeout = 10 * time.Second

// ledger reads and makes positions. Safe for concurrent use.
type ledger struct {
	db *pgxpool.Pool
}

// read returns the rows of topics in order; haltedSince is about since.
func (l ledger) read(ctx context.Context, topics []string, since time.Time) ([]ledgerRow, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	rows, err := l.db.Query(ctx, readLedger, pgx.NamedArgs{"topics": topics, "since": since})
	if err != nil {
		return nil, fmt.Errorf("read the ledger of %v: %w", topics, err)
	}
	read, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ledgerRow, error) {
		var r ledgerRow
		var id pgtype.UUID
		err := row.Scan(&r.topic, &r.partition, &id, &r.first, &r.next, &r.counts.inserted, &r.counts.deadLettered, &r.counts.tombstones,
			&r.counts.notRecords, &r.counts.lost, &r.group, &r.haltedReason, &r.haltedSince)
		r.topicID = id.Bytes
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger of %v: %w", topics, err)
	}
	return read, nil
}

// place is what a pipeline must know of its row: where to go on, and of which topic.
type place struct {
	next         Position
	topicID      partlog.TopicID
	last         lastRecord // that was covered, if any
	deadLettered int64
	halted       bool
}

// errRowVanished says that the ledger lost a partition's row while the sink was running.
var errRowVanished = errors.New("its row in sink_ledger is gone: somebody deleted it while the sink was running; restore it; or, to read the partition again from its log start, delete its rows from rides and sink_dead_letters too before you start again")

// position returns one partition's place; errRowVanished if there is no row.
func (l ledger) position(ctx context.Context, tp topicPartition) (place, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	var at place
	var id pgtype.UUID
	err := l.db.QueryRow(ctx, readPosition, pgx.NamedArgs{"topic": tp.topic, "partition": tp.partition}).Scan(&at.next, &id,
		&at.last.known, &at.last.offset, &at.last.timestamp, &at.last.leaderEpoch, &at.deadLettered, &at.halted)
	switch {
	case err == pgx.ErrNoRows: //nolint:errorlint // Scan returns it bare
		return place{}, errRowVanished
	case err != nil:
		return place{}, fmt.Errorf("read the position of %s: %w", tp, err)
	}
	at.topicID = id.Bytes
	return at, nil
}

// newRow is a row to be made.
type newRow struct {
	topicPartition
	topicID partlog.TopicID
	start   Position
}

// make makes the rows that are missing, in one transaction. A row that somebody else made first stays as it is.
func (l ledger) make(ctx context.Context, rows []newRow, group string) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	slices.SortFunc(rows, func(a, b newRow) int { return compareTopicPartitions(a.topicPartition, b.topicPartition) })
	err := pgx.BeginFunc(ctx, l.db, func(tx pgx.Tx) error {
		var b pgx.Batch
		for _, r := range rows {
			b.Queue(makeLedgerRow, pgx.NamedArgs{
				"topic": r.topic, "partition": r.partition, "topic_id": uuid(r.topicID), "start": r.start, "group": group,
			})
		}
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("make %d ledger rows: %w", len(rows), err)
	}
	return nil
}

// adopt writes the topic's id into a row that has none.
func (l ledger) adopt(ctx context.Context, tp topicPartition, id partlog.TopicID) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if _, err := l.db.Exec(ctx, adoptTopicID, pgx.NamedArgs{"topic": tp.topic, "partition": tp.partition, "topic_id": uuid(id)}); err != nil {
		return fmt.Errorf("adopt the topic id of %s: %w", tp, err)
	}
	return nil
}

// halt marks a partition as halted at a position; it reports false, and marks nothing, where the ledger is elsewhere: another member goes on
// there, or the row has vanished. clear takes the mark back.
func (l ledger) halt(ctx context.Context, tp topicPartition, at Position, reason string) (marked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	tag, err := l.db.Exec(ctx, markHalted, pgx.NamedArgs{"topic": tp.topic, "partition": tp.partition, "position": at, "reason": reason})
	if err != nil {
		return false, fmt.Errorf("mark %s as halted: %w", tp, err)
	}
	return tag.RowsAffected() == 1, nil
}

func (l ledger) clear(ctx context.Context, tp topicPartition) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if _, err := l.db.Exec(ctx, clearHalted, pgx.NamedArgs{"topic": tp.topic, "partition": tp.partition}); err != nil {
		return fmt.Errorf("take the halt of %s back: %w", tp, err)
	}
	return nil
}

// deadLettersBelow counts a partition's dead letters below end, whichever run stored them.
func (l ledger) deadLettersBelow(ctx context.Context, tp topicPartition, end int64) (n int64, err error) {
	err = l.db.QueryRow(ctx, countDeadLetters, pgx.NamedArgs{"topic": tp.topic, "partition": tp.partition, "end": end}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the dead letters of %s: %w", tp, err)
	}
	return n, nil
}

// now returns the database's clock.
func (l ledger) now(ctx context.Context) (now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if err := l.db.QueryRow(ctx, databaseClock).Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	return now, nil
}

// uuid is id as PostgreSQL takes it: NULL where the broker gave none.
func uuid(id partlog.TopicID) pgtype.UUID {
	return pgtype.UUID{Bytes: id, Valid: id != partlog.TopicID{}}
}

func compareTopicPartitions(a, b topicPartition) int {
	if a.topic != b.topic {
		if a.topic < b.topic {
			return -1
		}
		return 1
	}
	return int(a.partition) - int(b.partition)
}
