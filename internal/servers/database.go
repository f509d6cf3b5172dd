package servers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database.go: a connection pool to PostgreSQL, and how its sessions are set up. TLS and logins are as pgx reads them from the connection string and
// the PG* variables (docs/postgres-security.md); what is said when they are refused is in database_refused.go, what is between in pooler.go.

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
	return OpenRotatedDatabase(ctx, url, nil, connections)
}

// OpenRotatedDatabase is OpenDatabase for a login that changes while the pool lives: before each connection again gives the connection string anew
// (nil: it stays), and it is parsed anew with the files that it and the PG* variables name. User, password and certificates are taken from that;
// another server, database or sslmode counts from the next start. What cannot be read is passed over: the login of the start is tried.
func OpenRotatedDatabase(ctx context.Context, url string, again func() (string, error), connections int) (*pgxpool.Pool, error) {
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
	SetSession(config.ConnConfig, sessionSettings)
	config.BeforeConnect = func(_ context.Context, next *pgx.ConnConfig) error {
		current := url
		if again != nil {
			if read, err := again(); err == nil {
				current = read
			}
		}
		logIn(next, current)
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open connection pool: %w", err)
	}
	return pool, nil
}

// logIn gives a connection the user, the password and the certificates that url and the files behind it have now.
func logIn(next *pgx.ConnConfig, url string) {
	now, err := pgxpool.ParseConfig(url)
	if err != nil || !sameServers(&next.Config, &now.ConnConfig.Config) {
		return
	}
	next.User, next.Password = now.ConnConfig.User, now.ConnConfig.Password
	next.TLSConfig, next.Fallbacks = now.ConnConfig.TLSConfig, now.ConnConfig.Fallbacks
}

// sameServers says whether two configurations lead to the same database, with the same sslmode.
func sameServers(a, b *pgconn.Config) bool {
	return a.Host == b.Host && a.Port == b.Port && a.Database == b.Database && sameTrust(a.TLSConfig, b.TLSConfig) &&
		slices.EqualFunc(a.Fallbacks, b.Fallbacks, func(a, b *pgconn.FallbackConfig) bool {
			return a.Host == b.Host && a.Port == b.Port && sameTrust(a.TLSConfig, b.TLSConfig)
		})
}

// sameTrust says whether as much of the server's certificate is looked at, by whichever authority.
func sameTrust(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.InsecureSkipVerify == b.InsecureSkipVerify && (a.VerifyPeerCertificate == nil) == (b.VerifyPeerCertificate == nil)
}

// Address is where a configuration leads first, for messages.
func Address(config *pgx.ConnConfig) string {
	return net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
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
	host := Address(pool.Config().ConnConfig)
	if refused := Refused(err, host); refused != nil {
		return refused
	}
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return &EnvironmentError{What: "PostgreSQL at " + host + " cannot be reached", Do: "start it, or name it with --database-url or DATABASE_URL", Err: err}
	case pg.Code == "42P01":
		return &EnvironmentError{What: "the tables are missing in PostgreSQL at " + host, Do: "run: sink migrate up", Err: err}
	}
	return &EnvironmentError{What: "PostgreSQL at " + host + " does not answer as expected", Do: "see the error, mend it, and start again", Err: err}
}
