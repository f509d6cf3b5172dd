package servers

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// database_refused.go: why PostgreSQL could not be reached or would not have us, in words of an operator. database.go and the migrations ask here.

// Refused explains an error of connecting to PostgreSQL at an address. It returns nil for any other error.
func Refused(err error, address string) *EnvironmentError {
	if untrusted := untrusted(err, address); untrusted != nil {
		return untrusted
	}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &pg) && pg.Code == "28P01":
		return &EnvironmentError{What: "PostgreSQL at " + address + " refuses the login", Do: "check user and password in --database-url, DATABASE_URL, DATABASE_URL_FILE or PGPASSFILE", Err: err}
	case errors.As(err, &pg) && pg.Code == "28000":
		return &EnvironmentError{What: "PostgreSQL at " + address + " refuses this user from here", Do: "its pg_hba.conf may want TLS (sslmode), a client certificate (sslcert and sslkey) or another user", Err: err}
	case errors.As(err, &pg) && pg.Code == "3D000":
		return &EnvironmentError{What: "the database does not exist in PostgreSQL at " + address, Do: "create it, or name another in --database-url", Err: err}
	case !errors.As(err, &connect):
		return nil
	case errors.As(err, &pg) && pg.Code == "08P01":
		return &EnvironmentError{What: "a pooler at " + address + " refuses the settings of the sink's sessions", Do: "connect to PostgreSQL itself, or see docs/postgres-security.md for what PgBouncer needs", Err: err}
	case errors.As(err, &pg):
		return &EnvironmentError{What: "PostgreSQL at " + address + " refuses the connection", Do: "see the error, mend it, and start again", Err: err}
	case connect.Config.TLSConfig != nil && !isNetwork(err):
		return &EnvironmentError{What: "PostgreSQL at " + address + " cannot be talked to over TLS", Do: "set ssl=on there, or another sslmode here", Err: err}
	}
	return &EnvironmentError{What: "PostgreSQL at " + address + " cannot be reached", Do: "start it, or name it with --database-url or DATABASE_URL", Err: err}
}

// untrusted explains what is wrong with a certificate, the server's or ours; nil if nothing is.
func untrusted(err error, address string) *EnvironmentError {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var remote *net.OpError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &authority):
		return &EnvironmentError{What: "the certificate of PostgreSQL at " + address + " is signed by nobody who is trusted here", Do: "name the file with its CA's certificate in sslrootcert or PGSSLROOTCERT", Err: err}
	case errors.As(err, &name):
		return &EnvironmentError{What: "the certificate of PostgreSQL at " + address + " is for another host", Do: "connect by a name that it holds; sslmode=verify-ca does not look at names", Err: err}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &EnvironmentError{What: "the certificate of PostgreSQL at " + address + " has expired or is not valid yet", Do: "renew it there, or set this machine's clock", Err: err}
	case errors.As(err, &invalid):
		return &EnvironmentError{What: "the certificate of PostgreSQL at " + address + " cannot be trusted", Do: "see the error, and give the server another", Err: err}
	// The reason, an alert, may be lost in the reset of the connection.
	case errors.As(err, &remote) && remote.Op == "remote error", errors.Is(err, syscall.ECONNRESET) && errors.As(err, &connect) && showsCertificate(connect.Config):
		return &EnvironmentError{What: "PostgreSQL at " + address + " ends the TLS connection", Do: "it may not take the client certificate (sslcert and sslkey): expired, or signed by a CA that is not in its ssl_ca_file; its log says why", Err: err}
	}
	return nil
}

func showsCertificate(config *pgconn.Config) bool {
	return config.TLSConfig != nil && len(config.TLSConfig.Certificates) > 0
}

// isNetwork says whether no answer came, rather than a wrong one.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
