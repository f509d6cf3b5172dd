package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// table.go: the table of rides of one peer. Each peer has a schema of its own, named after it.

// table is schema.rides.
type table struct {
	conn   *pgx.Conn
	schema string
}

func (t table) name() string { return pgx.Identifier{t.schema, "rides"}.Sanitize() }

// create makes the schema anew, with a table of these columns unless there are none.
func (t table) create(ctx context.Context, columns string) error {
	schema := pgx.Identifier{t.schema}.Sanitize()
	statements := []string{"DROP SCHEMA IF EXISTS " + schema + " CASCADE", "CREATE SCHEMA " + schema}
	if columns != "" {
		statements = append(statements, "CREATE TABLE "+t.name()+" ("+columns+")")
	}
	for _, sql := range statements {
		if _, err := t.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make the table of %s: %w", t.schema, err)
		}
	}
	return nil
}

// size is the file's size in bytes. Asking for it costs nothing.
func (t table) size(ctx context.Context) (size int64, err error) {
	err = t.conn.QueryRow(ctx, "SELECT pg_relation_size($1::regclass)", t.name()).Scan(&size)
	return size, err
}

func (t table) rows(ctx context.Context) (rows int64, err error) {
	err = t.conn.QueryRow(ctx, "SELECT count(*) FROM "+t.name()).Scan(&rows)
	return rows, err
}

// content is what is in the table.
type content struct {
	rows, rides      int64 // rides: those of different pickup times
	amount, distance int64 // sums, in hundredths
}

func (t table) content(ctx context.Context) (c content, err error) {
	err = t.conn.QueryRow(ctx, `SELECT count(*), count(DISTINCT pickup_datetime), coalesce(100 * sum(total_amount::numeric), 0)::bigint,
		coalesce(100 * sum(trip_distance::numeric), 0)::bigint FROM `+t.name()).Scan(&c.rows, &c.rides, &c.amount, &c.distance)
	return c, err
}

// check returns an error unless each ride is there once, with its amounts.
func (c content) check(t *topic) error {
	if c.rows != t.rides || c.rides != t.rides {
		return fmt.Errorf("%d rows of %d rides are in the table, want %d of each", c.rows, c.rides, t.rides)
	}
	if c.amount != t.amount || c.distance != t.distance {
		return fmt.Errorf("total_amount adds up to %d hundredths, want %d; trip_distance to %d, want %d", c.amount, t.amount, c.distance, t.distance)
	}
	return nil
}

// commits is when a table was filled, by the clock of PostgreSQL.
type commits struct {
	first, last time.Time
	// rows that the transaction brought that was committed first
	rowsOfFirst int64
}

func (t table) commits(ctx context.Context) (c commits, err error) {
	err = t.conn.QueryRow(ctx, `WITH transactions AS (
		SELECT pg_xact_commit_timestamp(xmin) AS at, rows FROM (SELECT xmin, count(*) AS rows FROM `+t.name()+` GROUP BY xmin) x)
		SELECT at, max(at) OVER (), rows::bigint FROM transactions ORDER BY at LIMIT 1`).Scan(&c.first, &c.last, &c.rowsOfFirst)
	return c, err
}

// perSecond is the speed between the first commit and the last: rows of all transactions but the first, over the time between them. 0 if there
// was one transaction only.
func (c commits) perSecond(rows int64) float64 {
	took := c.last.Sub(c.first).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(rows-c.rowsOfFirst) / took
}

// poll is how often a table is looked at.
const poll = 50 * time.Millisecond

// await asks until done says so, the process has ended before, or ctx ends.
func await(ctx context.Context, p *process, done func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for over := false; ; {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if over { // and the look after that saw nothing either
			return errors.Join(errors.New("it has ended"+p.tail()), p.err)
		}
		over = p.ended()
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), errors.New(p.tail()))
		case <-tick.C:
		}
	}
}

// rest tells when a table has stopped growing.
type rest struct {
	table table
	size  int64
	since time.Time
}

// lasts returns for how long the table has not grown.
func (r *rest) lasts(ctx context.Context) (time.Duration, error) {
	size, err := r.table.size(ctx)
	if err != nil {
		return 0, err
	}
	if size != r.size || r.since.IsZero() {
		r.size, r.since = size, time.Now()
	}
	return time.Since(r.since), nil
}
