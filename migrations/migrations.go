package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ridesink/internal/servers"
)

// migrations.go: what callers ask for. How one step is taken is in session.go, what is left by a killed one in recover.go.

//go:embed *.sql
var files embed.FS

// All is for [Down]: back to no tables at all.
const All = -1

// Up applies what a database lacks and returns how many files it applied and the version afterwards. Any number of starters may call it
// at once: each file is applied by one of them, and the others wait for it, at most lockWait. A database that is newer than this
// binary is left as it is. When ctx ends, Up ends between two files. A file that PostgreSQL rejects leaves no trace.
//
// The error is a *[DirtyError] if a migration was killed before.
func Up(ctx context.Context, databaseURL string) (applied int, version uint, err error) {
	s, err := open(ctx, databaseURL)
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	for {
		moved, version, err := s.step(ctx, +1)
		if err != nil || !moved {
			return applied, version, err
		}
		applied++
	}
}

// Down reverts the newest files, as many as steps says or [All], and returns how many and the version afterwards. What is in
// the tables is gone with them. Fewer files than steps is no error.
func Down(ctx context.Context, databaseURL string, steps int) (reverted int, version uint, err error) {
	s, err := open(ctx, databaseURL)
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	version, err = s.version()
	for err == nil && reverted != steps {
		var moved bool
		if moved, version, err = s.step(ctx, -1); !moved {
			break
		}
		reverted++
	}
	return reverted, version, err
}

// Version returns the version of the tables, 0 for none, and whether a migration was interrupted. It changes nothing and waits for no
// migration that runs; while one does, dirty is true.
func Version(ctx context.Context, databaseURL string) (version uint, dirty bool, err error) {
	config, err := configure(databaseURL)
	if err != nil {
		return 0, false, err
	}
	config.AfterConnect = nil // it would set up a session that may be somebody else's
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, false, explain(err, servers.Address(config))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing was written
	if err := servers.CheckSessions(ctx, conn); err != nil {
		return 0, false, explain(err, servers.Address(config))
	}
	var number int64
	err = conn.QueryRow(ctx, "SELECT version, dirty FROM "+versionTable).Scan(&number, &dirty)
	var rejected *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, false, nil
	case errors.As(err, &rejected) && rejected.Code == undefinedTable:
		return 0, false, nil
	case err != nil:
		return 0, false, explain(fmt.Errorf("read %s: %w", versionTable, err), servers.Address(config))
	}
	return number0(int(number)), dirty, nil
}

// Newest returns the version that this binary's files lead to.
func Newest() uint {
	newest := 0
	names, _ := fs.Glob(files, "*.up.sql") // the pattern is fine
	for _, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		if number, err := strconv.Atoi(digits); err == nil {
			newest = max(newest, number)
		}
	}
	return uint(newest)
}

// number0 is golang-migrate's version as ours: its -1 is our 0, no tables.
func number0(version int) uint {
	if version == database.NilVersion {
		return 0
	}
	return uint(version)
}
