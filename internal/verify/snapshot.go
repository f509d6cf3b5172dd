package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
	"ridesink/schema"
)

// snapshot.go: the database at one moment, for both streams at once. A sink that goes on writing changes nothing in it.

// snapshot is two connections that see the same moment.
type snapshot struct {
	rows, letters *pgxpool.Conn
	ledger        map[Place]ledgerRow
	losses        []loss
}

// ledgerRow is a partition as sink_ledger has it.
type ledgerRow struct {
	topicID        partlog.TopicID // zero where the ledger has none
	first, next    int64
	lastOffset     int64 // of the last record covered, -1 for none
	lastTimestamp  int64
	lastEpoch      int32
	inserted, dead int64
	tombstones     int64
	notRecords     int64
	lost           int64
	group, halted  string
}

func (r *ledgerRow) sum() int64 { return r.inserted + r.dead + r.tombstones + r.notRecords + r.lost }

// loss is a range in which somebody accepted that records are missing.
type loss struct {
	place       Place // partition -1 for all
	first, next int64
	event       string
}

// queryTimeout bounds the small statements.
const queryTimeout = 30 * time.Second

// openSnapshot begins the two transactions and reads what is small.
func openSnapshot(ctx context.Context, db *pgxpool.Pool, topics []string) (*snapshot, error) {
	s := &snapshot{}
	err := s.open(ctx, db, topics)
	if err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *snapshot) open(ctx context.Context, db *pgxpool.Pool, topics []string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var err error
	if s.rows, err = begin(ctx, db, ""); err != nil {
		return err
	}
	var name string
	if err := s.rows.QueryRow(ctx, exportSnapshot).Scan(&name); err != nil {
		return fmt.Errorf("share a snapshot: %w", err)
	}
	if s.letters, err = begin(ctx, db, importSnapshot(name)); err != nil {
		return err
	}
	if err := s.checkColumns(ctx); err != nil {
		return err
	}
	if err := s.readLedger(ctx, topics); err != nil {
		return err
	}
	return s.readLosses(ctx, topics)
}

// begin begins a transaction that only reads. first, if any, is its first statement.
func begin(ctx context.Context, db *pgxpool.Pool, first string) (*pgxpool.Conn, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	statements := []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
	if first != "" {
		statements = append(statements, first)
	}
	for _, statement := range append(statements, localSettings...) {
		if _, err := conn.Exec(ctx, statement); err != nil {
			discard(ctx, conn)
			return nil, fmt.Errorf("begin to read: %s: %w", statement, err)
		}
	}
	return conn, nil
}

// close ends both transactions, by ending their connections: a COPY may be in the middle.
func (s *snapshot) close(ctx context.Context) {
	for _, conn := range []*pgxpool.Conn{s.letters, s.rows} {
		if conn != nil {
			discard(ctx, conn)
		}
	}
}

// discard closes a connection that the pool shall not keep, also after ctx has ended.
func discard(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Hijack().Close(ctx) // there is nothing to be saved
}

// checkColumns makes sure that rides has the columns that are compared. What users added is none of them.
func (s *snapshot) checkColumns(ctx context.Context) error {
	differences, err := servers.CompareColumns(ctx, s.rows, schema.Columns(), schema.TypeOf)
	if err != nil {
		return err
	}
	if missing := differences.Missing; len(missing) > 0 {
		return &servers.EnvironmentError{What: "rides has no column " + strings.Join(missing, ", "), Do: "run sink migrate up, or add the column again: without it nothing can be compared"}
	}
	return differences.TypesError()
}

func (s *snapshot) readLedger(ctx context.Context, topics []string) error {
	rows, err := s.rows.Query(ctx, readLedger, pgx.NamedArgs{"topics": topics})
	if err != nil {
		return fmt.Errorf("read sink_ledger: %w", err)
	}
	s.ledger = map[Place]ledgerRow{}
	var at Place
	var id pgtype.UUID
	var r ledgerRow
	_, err = pgx.ForEachRow(rows, []any{
		&at.Topic, &at.Partition, &id, &r.first, &r.next, &r.lastOffset, &r.lastTimestamp, &r.lastEpoch,
		&r.inserted, &r.dead, &r.tombstones, &r.notRecords, &r.lost, &r.group, &r.halted,
	}, func() error {
		r.topicID = id.Bytes
		s.ledger[at] = r
		return nil
	})
	if err != nil {
		return fmt.Errorf("read sink_ledger: %w", err)
	}
	return nil
}

func (s *snapshot) readLosses(ctx context.Context, topics []string) error {
	rows, err := s.rows.Query(ctx, readLosses, pgx.NamedArgs{"topics": topics})
	if err != nil {
		return fmt.Errorf("read sink_events: %w", err)
	}
	var l loss
	_, err = pgx.ForEachRow(rows, []any{&l.place.Topic, &l.place.Partition, &l.first, &l.next, &l.event}, func() error {
		s.losses = append(s.losses, l)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read sink_events: %w", err)
	}
	return nil
}
