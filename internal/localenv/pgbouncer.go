package localenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// pgbouncer.go runs a PgBouncer before a PostgreSQL, where one is installed: it comes from no registry but Debian's.

// ErrNoPgBouncer says that PgBouncer is not installed.
var ErrNoPgBouncer = errors.New("PgBouncer is not installed: apt-get install pgbouncer")

// PgBouncer is a pooler of our own. Its owner calls Stop.
type PgBouncer struct {
	port    *port
	guard   *guard
	process *process
}

// StartPgBouncer starts a pooler before the server of a URL, with additional lines in its section [pgbouncer], and returns when it answers. It logs in
// as the URL's user whoever asks.
func StartPgBouncer(ctx context.Context, databaseURL string, settings ...string) (_ *PgBouncer, err error) {
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path = "/usr/sbin/pgbouncer" // not in everybody's PATH
	}
	if _, err := os.Stat(path); err != nil {
		return nil, ErrNoPgBouncer
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("start PgBouncer: %w", err)
	}
	p, as := &PgBouncer{}, unprivileged()
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start PgBouncer: %w", err), p.Stop())
		}
	}()
	dir, err := as.tempDir("ridesink-pgbouncer-")
	if err != nil {
		return nil, err
	}
	if p.guard, err = newGuard(dir); err != nil {
		return nil, err
	}
	if p.port, err = reservePort(); err != nil {
		return nil, err
	}
	ini := fmt.Sprintf("[databases]\n* = host=%s port=%d user=%s password=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\n%s\n",
		config.Host, config.Port, config.User, config.Password, p.port.number, strings.Join(settings, "\n"))
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := errors.Join(os.WriteFile(file, []byte(ini), 0o600), as.own(file)); err != nil {
		return nil, err
	}
	p.process, err = startProcess(p.guard, launch{path: path, args: []string{file}, dir: dir, log: filepath.Join(dir, "log"), as: as, lastSignal: "KILL"})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	return p, p.process.waitFor(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.URLFor(databaseURL))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// URLFor is a URL of the server behind it, by way of the pooler and without TLS.
func (p *PgBouncer) URLFor(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return databaseURL
	}
	u.Host, u.RawQuery = p.port.address(), "sslmode=disable"
	return u.String()
}

// Stop ends it. A second call does nothing.
func (p *PgBouncer) Stop() error {
	if p.guard == nil {
		return nil
	}
	if p.process != nil {
		p.process.stop(syscall.SIGKILL, 0)
	}
	p.port.release()
	err := p.guard.end()
	p.guard = nil
	return err
}
