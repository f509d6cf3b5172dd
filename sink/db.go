package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// db.go: the connection pool that all partitions share, and how its sessions are set up. After it: ledger.go, write.go.

const (
	// connectTimeout bounds one attempt to reach PostgreSQL.
	connectTimeout = 5 * time.Second
	// transactionTimeout bounds one attempt to write a batch, so that a connection that was cut without a word is given up at last.
	transactionTimeout = time.Minute
	// rollbackTimeout bounds a ROLLBACK. Closing the connection does the same, only later.
	rollbackTimeout = 5 * time.Second
)

// sessionSettings bound what a stuck session can hold. A session that stops answering is noticed by the server within 25 s by
// keepalives; one whose client is frozen inside a transaction ends after 10 s.
var sessionSettings = map[string]string{ //nolint:gochecknoglobals // read only
	"application_name":                    "ridesink",
	"idle_in_transaction_session_timeout": "10s",
	"lock_timeout":                        "5s",
	"tcp_keepalives_idle":                 "10",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
	"timezone":                            "UTC",
}

// openPool makes the pool without dialing. What the connection string sets itself (application_name, say) stays as it says.
func openPool(ctx context.Context, url string, connections int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error of pgx repeats the string, with the password hidden as best it can: it is left out.
		return nil, errors.New("the database URL cannot be read; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	config.MaxConns = int32(connections)
	config.MinConns = 0
	if config.ConnConfig.ConnectTimeout == 0 || config.ConnConfig.ConnectTimeout > connectTimeout {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.ConnConfig.DialFunc = dialer.DialContext
	for name, value := range sessionSettings {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open connection pool: %w", err)
	}
	return pool, nil
}

// checkDatabase asks PostgreSQL for the tables of the ledger once. Its errors are *EnvironmentError.
func checkDatabase(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	rows, err := pool.Query(ctx, readLedger, pgx.NamedArgs{"topics": []string{}, "since": time.Time{}})
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	if err == nil {
		return nil
	}
	host := net.JoinHostPort(pool.Config().ConnConfig.Host, fmt.Sprint(pool.Config().ConnConfig.Port))
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return &EnvironmentError{What: "PostgreSQL at " + host + " cannot be reached", Do: "start it, or name it with --database-url or DATABASE_URL", Err: err}
	case pg.Code == "42P01":
		return &EnvironmentError{What: "the tables are missing in PostgreSQL at " + host, Do: "run: sink migrate up", Err: err}
	case pg.Code == "28P01", pg.Code == "28000":
		return &EnvironmentError{What: "PostgreSQL at " + host + " refuses the login", Do: "check user and password in --database-url, DATABASE_URL or DATABASE_URL_FILE", Err: err}
	case pg.Code == "3D000":
		return &EnvironmentError{What: "the database does not exist in PostgreSQL at " + host, Do: "create it, or name another in --database-url", Err: err}
	}
	return &EnvironmentError{What: "PostgreSQL at " + host + " does not answer as expected", Do: "see the error, mend it, and start again", Err: err}
}

// EnvironmentError says that a server is not as the sink needs it, before anything was read or written.
type EnvironmentError struct {
	What string // what is not as expected, with the address
	Do   string // what the operator can do about it
	Err  error  // the cause, nil if there is none beyond What
}

// Error returns what is wrong, why, and what to do, in one line.
func (e *EnvironmentError) Error() string {
	if e.Err == nil {
		return e.What + ": " + e.Do
	}
	return fmt.Sprintf("%s: %s (%v)", e.What, e.Do, e.Err)
}

// Unwrap returns the cause.
func (e *EnvironmentError) Unwrap() error { return e.Err }
