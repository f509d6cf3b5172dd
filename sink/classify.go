package sink

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"ridesink/internal/serde"
)

// classify.go: what is done about a write that failed. write.go asks once for each failure, after it looked at its context.

// action is what is done about an error.
type action int

const (
	halt   action = iota // stop the partition, loudly: a human must act
	retry                // the server's trouble: the same batch again, later
	reread               // only the ledger knows what happened
	bisect               // a record in the batch is refused: find it and make it a dead letter
	shrink               // the batch takes too long for a limit of the server's: smaller ones
)

// SQLSTATE classes and codes, PostgreSQL documentation, appendix A. A prefix of two characters is a class.
var (
	// The server or the connection is in trouble, or another transaction was in the way: connection exceptions, serialization
	// failure, deadlock, resources (disk, memory, connections), shutdown or crash, lock not available, a standby that cannot write. A login that is
	// refused (28) was accepted when the sink started: a password is being changed, or pg_hba.conf.
	retryStates = []string{"08", "28", "40001", "40P01", "53", "57P", "55P03", "25006", "25P03", "58"} //nolint:gochecknoglobals // read only
	// One row is refused: data exceptions, a null where the user wants none, a foreign key of the user's, an exclusion, a trigger that
	// raises, an index row that is too large. Not 23505: with a unique index of the user's a record that is there already halts, loudly,
	// because the compare-and-set lets none come twice.
	rowStates = []string{"22", "23502", "23503", "23P01", "P0001", "54000"} //nolint:gochecknoglobals // read only
)

// classify decides about err. An error that it does not know halts: a loud stop loses nothing, a guess may.
func classify(err error) action {
	var unknown *outcomeUnknownError
	if errors.Is(err, ErrFenced) || errors.As(err, &unknown) {
		return reread
	}
	var pg *pgconn.PgError
	var copying *copyError
	if !errors.As(err, &pg) {
		return classifyConnection(err)
	}
	switch code := pg.Code; {
	case hasPrefix(code, retryStates):
		return retry
	case code == "57014": // query_canceled, by statement_timeout: the same batch again would never end
		return shrink
	case code == "22P04": // bad_copy_file_format: our own encoder is wrong
		return halt
	case !errors.As(err, &copying): // of the ledger, of dead letters, at COMMIT: no row of rides is to blame
		return halt
	case hasPrefix(code, rowStates), code == "23514" && pg.ConstraintName != "":
		return bisect
	}
	return halt // missing table, missing partition of rides (23514 without a name), anything new
}

// classifyConnection decides about an error that did not come from PostgreSQL itself.
func classifyConnection(err error) action {
	var network net.Error
	var connect *pgconn.ConnectError
	var registry *serde.UnavailableError
	switch {
	case errors.As(err, &registry), errors.As(err, &network), errors.As(err, &connect), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, context.DeadlineExceeded), pgconn.SafeToRetry(err):
		return retry
	}
	return halt
}

// isLockTimeout reports whether err is 55P03, lock_not_available: another session held the ledger's row for longer than lock_timeout.
func isLockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

func hasPrefix(code string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}
