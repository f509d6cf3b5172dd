package localenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process.go starts a server as a process of its own, watches it (guard.go), waits until it answers, and ends it.

// process is a running server. Its methods may be called from several goroutines.
type process struct {
	cmd    *exec.Cmd
	log    string        // the file with its output
	exited chan struct{} // closed when it has ended and was reaped
}

// launch says how to start a process.
type launch struct {
	path       string
	args       []string
	env        []string
	dir        string
	log        string // its output is appended there
	as         account
	lastSignal string // what the watchdog stops it with
}

// gate waits for a word before it becomes the server. The watchdog is told about the process in between, so that there is no moment at
// which the server runs and would outlive us: if we die before the word, the pipe ends and so does the gate.
const gate = `read -r word && exec "$0" "$@" </dev/null`

// startProcess starts a server. It does not wait until it answers.
func startProcess(g *guard, l launch) (*process, error) {
	out, err := os.OpenFile(l.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer out.Close()                                                                //nolint:errcheck // the process has its own handle
	c := exec.Command("/bin/sh", append([]string{"-c", gate, l.path}, l.args...)...) //nolint:noctx // ended by stop or by the watchdog
	c.Dir, c.Env, c.Stdout, c.Stderr = l.dir, l.env, out, out
	c.SysProcAttr = l.as.attributes()
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe to %s: %w", l.path, err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s%s: %w", l.path, l.as, err)
	}
	p := &process{cmd: c, log: l.log, exited: make(chan struct{})}
	err = g.watch(c.Process.Pid, l.lastSignal)
	if err == nil {
		_, err = io.WriteString(stdin, "go\n")
	}
	_ = stdin.Close()
	go func() { // owned by p: ends with the process
		defer close(p.exited)
		_ = c.Wait() // how it ended is in the log
		g.forget(c.Process.Pid)
	}()
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("start %s: %w", l.path, err)
	}
	return p, nil
}

// errExited is the reason why a server will never answer.
var errExited = errors.New("it ended")

// waitFor asks until ready returns nil, the process ends, or ctx does. The error has the end of the server's log.
func (p *process) waitFor(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		last := ready(attempt)
		cancel()
		if last == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%w; the end of its log:\n%s", errExited, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("no answer (%w), last: %w; the end of its log:\n%s", context.Cause(ctx), last, tail(p.log))
		case <-tick.C:
		}
	}
}

// stop asks the process to end, kills it if it has not after patience, and returns when it is gone.
func (p *process) stop(ask syscall.Signal, patience time.Duration) {
	_ = p.cmd.Process.Signal(ask) // an error: it has ended already
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.exited:
	case <-late.C:
		p.kill()
	}
}

// kill ends the process with SIGKILL and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// tail returns the last lines of a log.
func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return "    " + strings.Join(lines[max(0, len(lines)-20):], "\n    ")
}
