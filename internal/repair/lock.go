package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
)

// lock.go: the transaction around every change, which locks the ledger's rows first.

// Connections is how many connections to PostgreSQL a repair takes.
const Connections = 1

// Repair changes what is stored. One goroutine at a time.
type Repair struct {
	db            *pgxpool.Pool
	kafka         *servers.Kafka // nil for dead letters: they need none
	maxBatchBytes int
}

// New returns a Repair. kafka may be nil for what concerns dead letters only.
func New(db *pgxpool.Pool, kafka *servers.Kafka, maxBatchBytes int) *Repair {
	return &Repair{db: db, kafka: kafka, maxBatchBytes: maxBatchBytes}
}

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// ledgerRow is a partition as sink_ledger has it.
type ledgerRow struct {
	Place
	topicID     partlog.TopicID // zero where the ledger has none
	first, next int64
	counts      Counts
	halted      string
}

// ledger returns the rows that are selected, without a lock.
func (r *Repair) ledger(ctx context.Context, selected Selection) ([]ledgerRow, error) {
	all, err := queryLedger(ctx, r.db, readLedger, pgx.NamedArgs{"topics": selected.Topics})
	if err != nil {
		return nil, err
	}
	var rows []ledgerRow
	for _, row := range all {
		if selected.includes(row.Place) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func queryLedger(ctx context.Context, db querier, sql string, args pgx.NamedArgs) ([]ledgerRow, error) {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ledgerRow, error) {
		var l ledgerRow
		var id pgtype.UUID
		err := row.Scan(&l.Topic, &l.Partition, &id, &l.first, &l.next, &l.counts.Inserted, &l.counts.DeadLetters, &l.counts.Tombstones,
			&l.counts.NotRecords, &l.counts.Lost, &l.halted)
		l.topicID = id.Bytes
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return found, nil
}

// rollbackTimeout bounds a ROLLBACK. Closing the connection does the same, only later.
const rollbackTimeout = 5 * time.Second

// locked calls change inside a transaction that holds the ledger's rows of places, and commits. It gives up after 15 s if somebody else keeps one.
func (r *Repair) locked(ctx context.Context, places []Place, change func(tx pgx.Tx, rows []ledgerRow) error) error {
	tx, err := r.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		_ = tx.Rollback(ctx) // after COMMIT it does nothing
	}()
	if _, err := tx.Exec(ctx, sessionSettings); err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	topics, partitions := columns(places)
	rows, err := queryLedger(ctx, tx, lockLedger, pgx.NamedArgs{"topics": topics, "partitions": partitions})
	if err != nil {
		return explainLock(err)
	}
	if len(rows) != len(places) {
		return fmt.Errorf("rows of sink_ledger were deleted meanwhile: %d of %d are left: look at it and start again", len(rows), len(places))
	}
	if err := change(tx, rows); err != nil {
		return explainLock(err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: whether it was done is not known, sink_events tells: %w", err)
	}
	return nil
}

// explainLock says who may hold a lock that was not to be had.
func explainLock(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" {
		return fmt.Errorf("somebody else keeps a row of sink_ledger, or a table, locked for more than 15 s; nothing was changed; find the session with SELECT pid, state, query FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 OR state LIKE 'idle in transaction%%', end it and try again (%w)", err)
	}
	return err
}

// columns are places as two arrays.
func columns(places []Place) (topics []string, partitions []int32) {
	for _, p := range places {
		topics, partitions = append(topics, p.Topic), append(partitions, p.Partition)
	}
	return topics, partitions
}

// uuid is id as PostgreSQL takes it: NULL where the broker gave none.
func uuid(id partlog.TopicID) pgtype.UUID {
	return pgtype.UUID{Bytes: id, Valid: id != partlog.TopicID{}}
}
