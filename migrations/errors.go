package migrations

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5/pgconn"

	"ridesink/internal/servers"
)

// errors.go: what went wrong, in one line that says what to do.

// SQLSTATEs that have an advice of their own.
const (
	lockNotAvailable      = "55P03"
	insufficientPrivilege = "42501"
	duplicateTable        = "42P07"
	undefinedTable        = "42P01"
)

// isEnd says whether a step found no file to apply or revert.
func isEnd(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrNotExist) || errors.Is(err, migrate.ErrNoChange)
}

// explain adds to an error of the server at address what to do about it. nil stays nil, and errors that say it already stay as they are.
func explain(err error, address string) error {
	cause := unwrap(err)
	var explained *servers.EnvironmentError
	var rejected *pgconn.PgError
	if err == nil || errors.As(err, &explained) {
		return err
	}
	if refused := servers.Refused(cause, address); refused != nil {
		return refused
	}
	if errors.As(cause, &rejected) {
		return &serverError{what: advice(rejected, address), err: cause}
	}
	return err
}

// advice says what PostgreSQL refused, and what to do.
func advice(rejected *pgconn.PgError, address string) string {
	at := "PostgreSQL at " + address
	switch rejected.Code {
	case lockNotAvailable:
		return fmt.Sprintf("%s: another migration, or somebody who uses the tables, held a lock for %s: wait for it, or end it, and try again", at, lockWait)
	case insufficientPrivilege:
		return at + " does not let this role change the tables: migrate as their owner, or GRANT CREATE ON SCHEMA"
	case duplicateTable:
		return at + " has a table of that name which the sink did not make: rename it, or name another schema with search_path"
	}
	return "migrate " + at
}

// serverError is an error of PostgreSQL with what to do about it, in one line.
type serverError struct {
	what string
	err  error
}

func (e *serverError) Error() string {
	return e.what + " (" + strings.Join(strings.Fields(e.err.Error()), " ") + ")"
}

func (e *serverError) Unwrap() error { return e.err }

// unwrap returns the cause that golang-migrate's errors hold without an Unwrap, or err itself. What they say besides is the SQL.
func unwrap(err error) error {
	var value database.Error
	var pointer *database.Error
	switch {
	case errors.As(err, &value) && value.OrigErr != nil:
		return value.OrigErr
	case errors.As(err, &pointer) && pointer.OrigErr != nil:
		return pointer.OrigErr
	}
	return err
}
