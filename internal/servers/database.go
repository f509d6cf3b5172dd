package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database.go: a connection pool to PostgreSQL, and how its sessions are set up.

// ConnectTimeout bounds one attempt to reach PostgreSQL.
const ConnectTimeout = 5 * time.Second

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

// OpenDatabase makes a pool of at most so many connections; it dials nothing. What the connection string sets itself (application_name, say)
// stays as it says. An empty string means the PG* environment variables. Errors do not repeat the string. The caller closes the pool.
func OpenDatabase(ctx context.Context, url string, connections int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error of pgx repeats the string, with the password hidden as best it can: it is left out.
		return nil, errors.New("the database URL cannot be read; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	config.MaxConns = int32(connections)
	config.MinConns = 0
	if config.ConnConfig.ConnectTimeout == 0 || config.ConnConfig.ConnectTimeout > ConnectTimeout {
		config.ConnConfig.ConnectTimeout = ConnectTimeout
	}
	config.ConnConfig.DialFunc = keptAlive().DialContext
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

// keptAlive is a dialer that notices dead connections within 25 s.
func keptAlive() *net.Dialer {
	return &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
}

// findTables plans a look at the tables that every command needs, and reads nothing.
const findTables = `SELECT 1 FROM rides, sink_ledger, sink_dead_letters, sink_events WHERE false`

// CheckDatabase asks PostgreSQL once whether it is there and has the tables. Its errors are *EnvironmentError.
func CheckDatabase(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*ConnectTimeout)
	defer cancel()
	_, err := pool.Exec(ctx, findTables)
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
