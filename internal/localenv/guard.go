package localenv

import (
	_ "embed"
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// guard.go sees to it that nothing outlives this process: neither a server nor its directory.

//go:embed watchdog.sh
var watchdogScript string

// guard is the watchdog of one server (watchdog.sh). It is the only one that removes the server's directory, so that the way that
// matters most, after a crash, is the way that is always taken.
type guard struct {
	watchdog *exec.Cmd
	pipe     io.WriteCloser
}

// newGuard starts the watchdog of a server that lives in dir. An empty dir stays. The caller calls end.
func newGuard(dir string) (*guard, error) {
	c := exec.Command("/bin/sh", "-c", watchdogScript, "ridesink-watchdog", dir) //nolint:noctx // ends when the pipe ends
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C goes to the whole group of the terminal, and must not reach it
	pipe, err := c.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe to the watchdog: %w", err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &guard{watchdog: c, pipe: pipe}, nil
}

// watch has pid stopped by the named signal, and by KILL after 5 s, if this process ends before forget.
func (g *guard) watch(pid int, signal string) error {
	if _, err := fmt.Fprintf(g.pipe, "watch %d %s\n", pid, signal); err != nil {
		return fmt.Errorf("the watchdog is gone: %w", err)
	}
	return nil
}

// forget is called when pid has ended.
func (g *guard) forget(pid int) {
	_, _ = fmt.Fprintf(g.pipe, "forget %d\n", pid) // a watchdog that is gone has forgotten it
}

// end has what is still there stopped and removed, and waits for that.
func (g *guard) end() error {
	_ = g.pipe.Close()
	if err := g.watchdog.Wait(); err != nil {
		return fmt.Errorf("remove a server's directory: %w", err)
	}
	return nil
}
