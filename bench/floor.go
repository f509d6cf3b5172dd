package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"ridesink/schema"
)

// floor.go: COPY of rows from memory, and nothing else.

func copyStatement() string {
	var quoted []string
	for _, column := range schema.Columns() {
		quoted = append(quoted, pgx.Identifier{column}.Sanitize())
	}
	return "COPY rides (" + strings.Join(quoted, ", ") + ") FROM STDIN (FORMAT binary)"
}

// floor sends n rows on so many connections. Each COPY is a transaction of its own, by itself: no BEGIN, no ledger. The time is from the first
// byte to the answer to the last COMMIT.
func (e *environment) floor(ctx context.Context, held []chunk, n int64, connections int) (measurement, error) {
	var r measurement
	if err := e.clear(ctx); err != nil {
		return r, err
	}
	conns := make([]*pgx.Conn, connections)
	for i := range conns {
		conn, err := pgx.Connect(ctx, e.postgres.URL())
		if err != nil {
			return r, fmt.Errorf("connect to PostgreSQL: %w", err)
		}
		defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // after an error of its own
		conns[i] = conn
	}
	chunks, statement := exactly(held, n), copyStatement()
	runtime.GC() // not while COPY runs
	watch, err := e.watch()
	if err != nil {
		return r, err
	}
	defer watch.end()
	var taken, stored atomic.Int64
	copying, copyCtx := errgroup.WithContext(ctx)
	began := time.Now()
	for _, conn := range conns {
		copying.Go(func() error {
			for {
				i := taken.Add(1) - 1
				if i >= int64(len(chunks)) {
					return nil
				}
				tag, err := conn.PgConn().CopyFrom(copyCtx, bytes.NewReader(chunks[i].bytes), statement)
				if err != nil {
					return fmt.Errorf("copy: %w", err)
				}
				stored.Add(tag.RowsAffected())
			}
		})
	}
	if err := copying.Wait(); err != nil {
		return r, err
	}
	r.Seconds = time.Since(began).Seconds()
	r.Usage = watch.end()
	if stored.Load() != n {
		return r, fmt.Errorf("COPY stored %d rows, want %d", stored.Load(), n)
	}
	return r, nil
}
