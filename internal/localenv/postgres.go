package localenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres.go runs one PostgreSQL server. Where its programs come from: postgres_programs.go.

// PostgresOptions say which PostgreSQL to start. The zero value is a good one.
type PostgresOptions struct {
	// Version is a major version ("15", "18"), or a whole one that embedded-postgres has ("18.1.0"). Default: the newest installed, else
	// 18.1.0. "18" and whole versions are always the fetched ones, so that they mean the same on every machine; another major version is
	// the installed one if there is one.
	Version string
	// Settings are for postgresql.conf. fsync=off is refused: what is tested here is what survives.
	Settings map[string]string
	// Dir is where the server lives. It is made if needed, may hold a server of the same version from before, and stays after Stop. Default:
	// a temporary directory that Stop removes.
	Dir string
}

// Postgres is a PostgreSQL server of our own. It is for one goroutine at a time. Its owner calls Stop.
type Postgres struct {
	programs programs
	as       account
	dir      string
	stays    bool // dir was given, and is not removed
	settings map[string]string
	port     *port
	guard    *guard
	process  *process
}

const (
	superuser     = "postgres" // and its password, and the first database
	startPatience = 2 * time.Minute
)

// StartPostgres starts a server and returns when it answers. The first time it may fetch 15 MB. ctx bounds the start, not the server's life.
func StartPostgres(ctx context.Context, o PostgresOptions) (_ *Postgres, err error) {
	if v, ok := o.Settings["fsync"]; ok && v != "on" {
		return nil, errors.New("start PostgreSQL: fsync=off is refused: a server that loses data in a crash proves nothing")
	}
	p := &Postgres{as: unprivileged(), dir: o.Dir, stays: o.Dir != "", settings: o.Settings}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start PostgreSQL: %w", err), p.Stop())
		}
	}()
	if err := p.makeDir(); err != nil {
		return nil, err
	}
	if p.programs, err = findPrograms(ctx, o.Version, p.as, p.dir); err != nil {
		return nil, err
	}
	if err := p.initialize(ctx); err != nil {
		return nil, err
	}
	for range 3 { // a stranger may take the port
		p.port.release()
		if p.port, err = reservePort(); err != nil {
			return nil, err
		}
		if err = p.launch(ctx); !errors.Is(err, errExited) {
			break
		}
	}
	return p, err
}

// makeDir makes the server's directory and its watchdog.
func (p *Postgres) makeDir() (err error) {
	if !p.stays {
		if p.dir, err = p.as.tempDir("ridesink-postgres-"); err != nil {
			return err
		}
		p.guard, err = newGuard(p.dir)
		return err
	}
	if p.dir, err = filepath.Abs(p.dir); err != nil {
		return fmt.Errorf("directory of the server: %w", err)
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("directory of the server: %w", err)
	}
	if err := p.as.own(p.dir); err != nil {
		return fmt.Errorf("directory of the server: %w", err)
	}
	if !p.as.reaches(p.dir) {
		return fmt.Errorf("%s cannot be reached%s: choose another directory", p.dir, p.as)
	}
	p.guard, err = newGuard("")
	return err
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// initialize makes the database cluster, unless the directory has one.
func (p *Postgres) initialize(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(p.data(), "PG_VERSION")); err == nil {
		return nil
	}
	password := filepath.Join(p.dir, "password")
	if err := os.WriteFile(password, []byte(superuser), 0o600); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	defer os.Remove(password) //nolint:errcheck // the directory goes too
	if err := p.as.own(password); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	// --no-sync: that the empty cluster survives a power cut is not needed; the server itself syncs.
	c := exec.CommandContext(ctx, p.programs.path("initdb"), "--pgdata="+p.data(), "--username="+superuser, "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync")
	c.Dir, c.Env, c.SysProcAttr = p.dir, p.environment(), p.as.attributes()
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s%s: %w:\n%s", c.Path, p.as, err, out)
	}
	return nil
}

// environment is what the server's programs see: nothing that would change where they look, or how they talk.
func (p *Postgres) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "LC_") || strings.HasPrefix(v, "LANG")
	})
	return append(env, "LC_ALL=C", "HOME="+p.dir)
}

// launch starts the server on its port and returns when it answers.
func (p *Postgres) launch(ctx context.Context) (err error) {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(p.port.number),
		"unix_socket_directories": "", // a path below a long TMPDIR would be too long for a socket
		"max_connections":         "500",
		"logging_collector":       "off", // the log goes where ours reads it
	}
	maps.Copy(settings, p.settings)
	args := []string{"-D", p.data()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	p.process, err = startProcess(p.guard, launch{
		path: p.programs.path("postgres"), args: args, env: p.environment(), dir: p.dir, log: filepath.Join(p.dir, "log"), as: p.as,
		lastSignal: "QUIT", // immediate shutdown, with all its children
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited %s", startPatience))
	defer cancel()
	return p.process.waitFor(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.URL())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// URL is the connection string of the superuser and the database postgres.
func (p *Postgres) URL() string { return p.URLFor("postgres") }

// URLFor is the connection string of the superuser and any database.
func (p *Postgres) URLFor(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, superuser), Host: p.port.address(), Path: "/" + database}
	return u.String()
}

// Version is the server's version, such as 15.18 or 18.1.
func (p *Postgres) Version() string { return p.programs.version }

// Dir is where the server lives: its database cluster in data, its log in log.
func (p *Postgres) Dir() string { return p.dir }

// Kill ends the server and all its backends with SIGKILL, as a crash of the machine would, except that what the kernel holds survives. Start
// brings it back.
func (p *Postgres) Kill() {
	postmaster := p.process.cmd.Process
	_ = postmaster.Signal(syscall.SIGSTOP) // so that it starts no more children
	children := childrenOf(postmaster.Pid)
	_ = postmaster.Kill()
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.process.exited
}

// Start brings the server back after Kill, in the same directory and on the same port, and returns when it answers.
func (p *Postgres) Start(ctx context.Context) error {
	late := time.Now().Add(10 * time.Second)
	for {
		err := p.launch(ctx)
		if err == nil {
			return nil
		}
		// The kernel may need a moment to take the killed backends off the shared memory.
		if !errors.Is(err, errExited) || time.Now().After(late) {
			return fmt.Errorf("start PostgreSQL again: %w", err)
		}
	}
}

// Stop ends the server and removes its directory, unless it was given. A second call does nothing.
func (p *Postgres) Stop() error {
	if p.guard == nil {
		return nil
	}
	if p.process != nil {
		ask := syscall.SIGQUIT // immediate: nobody will read the directory again
		if p.stays {
			ask = syscall.SIGINT // fast: with a checkpoint
		}
		p.process.stop(ask, 10*time.Second)
	}
	p.port.release()
	err := p.guard.end()
	p.guard = nil
	return err
}

// childrenOf lists the direct children of a process.
func childrenOf(parent int) (children []int) {
	for pid, ppid := range processes() {
		if ppid == parent {
			children = append(children, pid)
		}
	}
	return children
}

// processes maps every process to its parent.
func processes() map[int]int {
	parents := map[int]int{}
	if stats, _ := filepath.Glob("/proc/[0-9]*/stat"); len(stats) > 0 {
		for _, path := range stats {
			stat, err := os.ReadFile(path)
			if err != nil {
				continue // it has ended
			}
			// pid (name, which may hold anything) state ppid ...
			name := strings.LastIndexByte(string(stat), ')')
			var ppid int
			if _, err := fmt.Sscanf(string(stat[name+1:]), " %1s %d", new(string), &ppid); err != nil {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				parents[pid] = ppid
			}
		}
		return parents
	}
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output() //nolint:noctx // lists and ends
	if err != nil {
		return parents
	}
	for line := range strings.Lines(string(out)) {
		var pid, ppid int
		if _, err := fmt.Sscan(line, &pid, &ppid); err == nil {
			parents[pid] = ppid
		}
	}
	return parents
}
