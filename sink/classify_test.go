package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &pgconn.PgError{Code: code} }
	copying := func(code, constraint string) error { // of a row in the COPY into rides
		return &copyError{cause: &pgconn.PgError{Code: code, TableName: "rides", ConstraintName: constraint}}
	}
	for _, c := range []struct {
		scenario string
		err      error
		want     action
	}{
		{"a lost compare-and-set asks the ledger", fmt.Errorf("advance: %w", ErrFenced), reread},
		{"a COMMIT without an answer asks the ledger", &outcomeUnknownError{cause: io.ErrUnexpectedEOF}, reread},
		{"a COMMIT refused for a reason that halts elsewhere asks the ledger first", &outcomeUnknownError{cause: state("42P01")}, reread},
		{"a serialization failure is tried again", state("40001"), retry},
		{"a deadlock is tried again", state("40P01"), retry},
		{"a full disk is waited for: the records are innocent", state("53100"), retry},
		{"too many connections are waited for", state("53300"), retry},
		{"a server that shuts down is waited for", state("57P01"), retry},
		{"a server that starts up is waited for", state("57P03"), retry},
		{"a lock that is held too long is tried again", state("55P03"), retry},
		{"a server that became read only is waited for", state("25006"), retry},
		{"a session ended for being idle in a transaction is opened again", state("25P03"), retry},
		{"statement_timeout would cancel the same batch for ever", state("57014"), shrink},
		{"a number that a column cannot hold is one record's fault", copying("22003", ""), bisect},
		{"a character that the database's encoding lacks is one record's fault", copying("22P05", ""), bisect},
		{"a check of the user's is one record's fault", copying("23514", "positive"), bisect},
		{"a NOT NULL of the user's is one record's fault", copying("23502", ""), bisect},
		{"a trigger that raises is one record's fault", copying("P0001", ""), bisect},
		{"a trigger that raises elsewhere is no record's fault", state("P0001"), halt},
		{"a unique index of the user's halts: no record comes twice", copying("23505", "once"), halt},
		{"a missing partition of rides is nobody's fault among the records", copying("23514", ""), halt},
		{"a dead letter that is there already means that somebody changed the ledger", &pgconn.PgError{Code: "23505", TableName: "sink_dead_letters", ConstraintName: "sink_dead_letters_pkey"}, halt},
		{"a COPY stream that PostgreSQL cannot read is our own defect", state("22P04"), halt},
		{"a missing table needs a human", state("42P01"), halt},
		{"a missing right needs a human", state("42501"), halt},
		{"a password that is refused by now may be on its way", state("28P01"), retry},
		{"an error that nobody has seen before halts", state("XX999"), halt},
		{"a connection that was cut is opened again", io.ErrUnexpectedEOF, retry},
		{"a refused connection is waited for", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, retry},
		{"an attempt that took too long is tried again", context.DeadlineExceeded, retry},
		{"rows that a trigger dropped halt", &rowCountError{sent: 2, stored: 1}, halt},
		{"a defect of ours halts", errors.New("index out of range"), halt},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			if got := classify(c.err); got != c.want {
				t.Errorf("classify(%v) = %d, want %d", c.err, got, c.want)
			}
		})
	}
}
