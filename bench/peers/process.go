package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"ridesink/internal/localenv"
)

// process.go: a peer's process, and what it used.

// process is a peer that runs. Its owner calls kill, also when it has ended.
type process struct {
	cmd    *exec.Cmd
	log    string        // the file with its output
	exited chan struct{} // closed when it has ended
	err    error         // how, then
	peak   atomic.Int64  // most bytes of resident memory so far
}

// startProcess starts a peer. Its output goes to the end of a file in dir. It does not outlive us.
func startProcess(cmd *exec.Cmd, scratch *localenv.Scratch, dir string) (*process, error) {
	p := &process{cmd: cmd, log: filepath.Join(dir, "log"), exited: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer out.Close() //nolint:errcheck // the process has its own handle
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, we end it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	err = scratch.Watch(cmd.Process)
	go p.wait(scratch) // both owned by p: they end with the process
	go p.watch()       // on Linux; wait has the number where there is no /proc
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	return p, nil
}

func (p *process) wait(scratch *localenv.Scratch) {
	defer close(p.exited)
	p.err = p.cmd.Wait()
	scratch.Forget(p.cmd.Process)
	if p.peak.Load() == 0 {
		if usage, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			p.peak.Store(usage.Maxrss) // bytes, where it is not Linux
		}
	}
}

// watch notes the most memory that was ever resident, until the process ends. The kernel's own count after the end would have that of the
// process that started it in it.
func (p *process) watch() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if peak := peakOf(p.cmd.Process.Pid); peak > 0 {
			p.peak.Store(peak)
		}
		select {
		case <-p.exited:
			return
		case <-tick.C:
		}
	}
}

// peakOf reads the most resident bytes of a process, 0 if it has ended.
func peakOf(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

// finish waits until the process ends by itself.
func (p *process) finish(ctx context.Context) error {
	select {
	case <-p.exited:
	case <-ctx.Done():
		return fmt.Errorf("it has not ended: %w%s", context.Cause(ctx), p.tail())
	}
	if p.err != nil {
		return fmt.Errorf("it ended with %w%s", p.err, p.tail())
	}
	return nil
}

// kill ends the process with kill -9 and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error: it has ended already
	<-p.exited
}

// ended says that the process is gone, whyever.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// cpu is the time of all processors, after the end.
func (p *process) cpu() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// tail is the end of the log, for an error.
func (p *process) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return ": " + err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return "; the end of its output:\n    " + strings.Join(lines[max(0, len(lines)-20):], "\n    ")
}
