package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"ridesink/internal/servers"
)

// session.go: a connection that migrates, and one step up or down on it. migrations.go calls it.

const (
	// versionTable is where golang-migrate keeps the version.
	versionTable = "sink_schema_migrations"
	// lockWait is how long a starter waits for another, and a file for those who use its tables. golang-migrate's own limit does not
	// reach the server, which would wait for ever.
	lockWait = 10 * time.Second
	// connectTimeout bounds one attempt to reach PostgreSQL.
	connectTimeout = 5 * time.Second
)

// configure parses a connection string and sets what bounds a migration. What the string sets itself stays.
func configure(databaseURL string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		// The error of pgx repeats the string, with the password hidden as best it can: it is left out.
		return nil, errors.New("the database URL cannot be read: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTimeout {
		config.ConnectTimeout = connectTimeout
	}
	servers.SetSession(config, map[string]string{
		"application_name":                    "ridesink-migrate",
		"lock_timeout":                        fmt.Sprint(lockWait.Milliseconds()),
		"idle_in_transaction_session_timeout": "60s",
	})
	return config, nil
}

// session is one connection to a database that is being migrated. One goroutine at a time; its owner closes it.
type session struct {
	address string
	db      *sql.DB
	driver  database.Driver
	migrate *migrate.Migrate
}

// open connects and makes the version table if there is none.
func open(ctx context.Context, databaseURL string) (_ *session, err error) {
	config, err := configure(databaseURL)
	if err != nil {
		return nil, err
	}
	if err := checkSessions(ctx, config); err != nil {
		return nil, err
	}
	s := &session{address: servers.Address(config), db: stdlib.OpenDB(*config)}
	defer func() {
		if err != nil {
			_ = s.db.Close() // err is what counts
		}
	}()
	var schema *string
	if err := s.db.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return nil, explain(err, s.address)
	}
	if schema == nil {
		return nil, fmt.Errorf("no schema in search_path exists in PostgreSQL at %s: create it with CREATE SCHEMA, or set another search_path", s.address)
	}
	source, err := iofs.New(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	s.driver, err = migratepgx.WithInstance(s.db, &migratepgx.Config{MigrationsTable: versionTable})
	if err != nil {
		return nil, explain(fmt.Errorf("make %s: %w", versionTable, err), s.address)
	}
	s.migrate, err = migrate.NewWithInstance("iofs", source, "pgx5", s.driver)
	if err != nil {
		return nil, fmt.Errorf("open the migrations: %w", err)
	}
	s.migrate.LockTimeout = 2 * lockWait // the server's limit comes first, and leaves no goroutine behind
	return s, nil
}

// checkSessions makes sure that a session of PostgreSQL is ours for as long as a connection: the migrations' lock belongs to a session.
func checkSessions(ctx context.Context, config *pgx.ConnConfig) error {
	config = config.Copy()
	config.AfterConnect = nil // it would set up a session that may be somebody else's
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return explain(err, servers.Address(config))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing was written
	return explain(servers.CheckSessions(ctx, conn), servers.Address(config))
}

// close ends the connection, and with it its locks. What it did is durable or rolled back already, so its errors mean nothing.
func (s *session) close() { _, _ = s.migrate.Close() }

// version returns the version, or a *DirtyError. It waits for another starter: while that one applies a file, the file's mark says dirty.
func (s *session) version() (_ uint, err error) {
	if err := s.driver.Lock(); err != nil {
		return 0, explain(err, s.address)
	}
	defer func() {
		if unlockErr := s.driver.Unlock(); err == nil && unlockErr != nil {
			err = explain(unlockErr, s.address)
		}
	}()
	number, dirty, err := s.driver.Version()
	switch {
	case err != nil:
		return 0, explain(err, s.address)
	case dirty:
		return number0(number), &DirtyError{Version: number0(number)}
	}
	return number0(number), nil
}

// step applies (+1) or reverts (-1) one file, unless there is none. A file that PostgreSQL rejected was rolled back, and its mark is
// taken back too.
func (s *session) step(ctx context.Context, direction int) (moved bool, version uint, err error) {
	if ctx.Err() != nil {
		return false, 0, fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	err = s.migrate.Steps(direction)
	var dirty migrate.ErrDirty
	switch {
	case errors.As(err, &dirty):
		return false, 0, &DirtyError{Version: number0(dirty.Version)}
	case isEnd(err):
		version, err = s.version()
		if err == nil && direction < 0 && version > Newest() {
			err = fmt.Errorf("the tables are at version %d and this binary knows %d: revert with the newer binary", version, Newest())
		}
		return false, version, err
	case err != nil:
		if rejected := new(pgconn.PgError); errors.As(unwrap(err), &rejected) {
			_, _ = s.recover(ctx) // if this fails too, the next start finds the mark and says what to do
		}
		return false, 0, explain(err, s.address)
	}
	version, err = s.version()
	return true, version, err
}
