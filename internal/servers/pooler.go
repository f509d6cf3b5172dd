package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pooler.go: what is between us and PostgreSQL. A pooler such as PgBouncer may drop the settings of a session, which are then set again, or give each
// transaction another session, which is refused: settings, and the lock of a migration, would be somebody else's.

// SetSession has every connection of config begin with these settings. Those that the connection string names itself stay as it says.
func SetSession(config *pgx.ConnConfig, settings map[string]string) {
	ours := map[string]string{}
	for name, value := range settings {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
			ours[name] = value
		}
	}
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		pooled, err := isPooled(ctx, conn)
		if err != nil || !pooled {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(ours)) { // names and values are our own constants
			if _, err := conn.Exec(ctx, "SET "+name+" = '"+ours[name]+"'").ReadAll(); err != nil {
				return fmt.Errorf("set %s: %w", name, err)
			}
		}
		return nil
	}
}

// isPooled says whether something between us and PostgreSQL shares out sessions: the session then has another number than the one that cancels it.
func isPooled(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	number, err := ask(ctx, conn, "SELECT pg_backend_pid()")
	if err != nil {
		return false, fmt.Errorf("ask for the session's number: %w", err)
	}
	return number != strconv.FormatUint(uint64(conn.PID()), 10), nil
}

// ask returns the text of one value, "" for NULL, without a prepared statement.
func ask(ctx context.Context, conn *pgconn.PgConn, sql string) (string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 || len(last.Rows[0]) != 1 {
		return "", errors.New("the answer is not one value")
	}
	return string(last.Rows[0][0]), nil
}

// sessionRounds is how often two connections are compared. One round finds a pooler that is idle; others may use it at that moment.
const sessionRounds = 5

// CheckSessions returns an *EnvironmentError if conn is given another session of PostgreSQL with each transaction. Without a pooler it costs one
// question; with one, a second connection.
func CheckSessions(ctx context.Context, conn *pgx.Conn) error {
	pooled, err := isPooled(ctx, conn.PgConn())
	if err != nil || !pooled {
		return err
	}
	other, err := pgx.ConnectConfig(ctx, conn.Config())
	if err != nil {
		return err
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }() // nothing was written
	for range sessionRounds {
		wander, err := sessionsWander(ctx, conn.PgConn(), other.PgConn())
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "08P01" { // pool_mode=statement knows no BEGIN
			wander, err = true, nil
		}
		if err != nil {
			return fmt.Errorf("compare two sessions: %w", err)
		}
		if wander {
			return &EnvironmentError{
				What: "PostgreSQL at " + Address(conn.Config()) + " is behind a pooler that gives each transaction another session",
				Do:   "connect to PostgreSQL itself, or by a pool with pool_mode=session",
			}
		}
	}
	return nil
}

// sessionsWander marks the session of one and looks where the mark is: no longer with the one, or with the other, which then holds a session, means
// that sessions wander. So it is found whether the pooler gives the session that was used last or the one that was not used for longest, and
// with a single session, for which the one would wait for ever while the other holds it. The mark is a setting that nobody reads.
func sessionsWander(ctx context.Context, one, other *pgconn.PgConn) (bool, error) {
	const find = "SELECT coalesce(current_setting('ridesink.session', true), '')"
	mark := strings.ToLower(rand.Text())
	if _, err := ask(ctx, one, "SELECT set_config('ridesink.session', '"+mark+"', false)"); err != nil {
		return false, err
	}
	if found, err := ask(ctx, one, find); err != nil || found != mark {
		return true, err
	}
	found, err := ask(ctx, other, "BEGIN; "+find)
	if err != nil || found == mark {
		return true, err
	}
	if found, err = ask(ctx, one, find); err != nil || found != mark {
		return true, err
	}
	_, err = other.Exec(ctx, "ROLLBACK").ReadAll()
	return false, err
}
