package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestRotatedLogin holds: before each connection the login is read anew, from where the connection string comes from and from the password file; what
// cannot be read, or leads elsewhere, is passed over.
func TestRotatedLogin(t *testing.T) {
	passfile := filepath.Join(t.TempDir(), "pgpass")
	t.Setenv("PGPASSFILE", passfile)
	const at = "@db.example:5433/taxis?sslmode=verify-full"
	for _, c := range []struct {
		scenario   string
		then       string // the connection string when the connection is made
		unreadable error
		line       string // in the password file then
		user       string
		password   string
	}{
		{"nothing changed", "postgres://rider:first" + at, nil, "", "rider", "first"},
		{"another password", "postgres://rider:second" + at, nil, "", "rider", "second"},
		{"another user", "postgres://other:second" + at, nil, "", "other", "second"},
		{"a password in the file", "postgres://rider" + at, nil, "db.example:5433:taxis:rider:third", "rider", "third"},
		{"another server", "postgres://rider:second@elsewhere:5433/taxis?sslmode=verify-full", nil, "", "rider", "first"},
		{"another database", "postgres://rider:second@db.example:5433/other?sslmode=verify-full", nil, "", "rider", "first"},
		{"no TLS any more", "postgres://rider:second@db.example:5433/taxis?sslmode=disable", nil, "", "rider", "first"},
		{"TLS only if there is some", "postgres://rider:second@db.example:5433/taxis?sslmode=prefer", nil, "", "rider", "first"},
		{"the certificate not looked at any more", "postgres://rider:second@db.example:5433/taxis?sslmode=require", nil, "", "rider", "first"},
		{"half a file", "postgres://rider:sec", nil, "", "rider", "first"},
		{"no file", "", errors.New("no such file"), "", "rider", "first"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			if err := os.WriteFile(passfile, []byte(c.line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			pool, err := OpenRotatedDatabase(t.Context(), "postgres://rider:first"+at, func() (string, error) { return c.then, c.unreadable }, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			next := pool.Config().ConnConfig
			if err := pool.Config().BeforeConnect(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			if next.User != c.user || next.Password != c.password || next.Host != "db.example" || next.TLSConfig == nil || next.TLSConfig.ServerName != "db.example" || len(next.Fallbacks) != 0 {
				t.Errorf("%s with %s at %s by %v, want %s with %s", next.User, next.Password, next.Host, next.TLSConfig, c.user, c.password)
			}
		})
	}
}

// TestRefusedKeepsOtherErrors holds: what is no refusal stays as it is.
func TestRefusedKeepsOtherErrors(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errors.New("something else"), context.Canceled, fmt.Errorf("scan: %w", pgx.ErrNoRows)} {
		if refused := Refused(err, "db.example:5432"); refused != nil {
			t.Errorf("%v is explained as %v", err, refused)
		}
	}
}
