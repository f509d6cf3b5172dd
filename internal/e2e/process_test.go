package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process_test.go runs the sink as a child process: start, signals, exit code, output, peak memory. scene_test.go gives it arguments.

// process is one life of the sink. It is killed and waited for at the end of the test, and what it said on stderr is printed if the
// test failed. Its methods may be called from the test's goroutine only.
type process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stdout output
	stderr output
	exited chan struct{} // closed when the process was waited for; then code and cmd.ProcessState hold
	code   int           // the exit code, or -1 if a signal ended it
}

// output collects what a process writes while the test may look at it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start starts the sink with exactly these arguments and environment entries: nothing of the test's own environment but PATH reaches
// it, so that a KAFKA_BROKERS or PGHOST of the machine cannot decide a test.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: "sink " + strings.Join(args, " "), exited: make(chan struct{})}
	p.cmd = exec.Command(os.Getenv(binaryVariable), args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() { // ends with the process; Cleanup kills it and waits
		defer close(p.exited)
		_ = p.cmd.Wait() // the state says it all
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.exited
		if t.Failed() && p.stdout.String()+p.stderr.String() != "" {
			t.Logf("%s (pid %d, exit code %d)\nstdout: %s\nstderr: %s", p.name, p.cmd.Process.Pid, p.code, tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	return p
}

// signal sends sig, unless the process is gone.
func (p *process) signal(sig syscall.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("send %s to %s: %v", sig, p.name, err)
	}
}

// kill is kill -9, and waits until the process is gone.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	receive(p.t, 10*time.Second, "the killed process to be gone", p.exited)
}

// freeze is kill -STOP, and waits until the kernel shows the process as stopped.
func (p *process) freeze() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	eventually(p.t, 5*time.Second, "the process to be stopped", func() (bool, string) {
		state := p.status("State")
		return strings.HasPrefix(state, "T"), state
	})
}

// running says whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// wait waits for the process to end by itself and returns its exit code.
func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.exited:
		return p.code
	case <-timer.C:
		p.signal(syscall.SIGQUIT) // Cleanup prints what every goroutine did
		receive(p.t, 10*time.Second, "the process to tell its goroutines, for it did not end within "+within.String(), p.exited)
		p.t.Fatalf("%s did not end within %s", p.name, within)
		return -1
	}
}

// wantExit waits for the process to end and fails the test if the exit code is another.
func (p *process) wantExit(want int, within time.Duration) {
	p.t.Helper()
	if got := p.wait(within); got != want {
		p.t.Fatalf("%s: exit code %d, want %d; stderr: %s", p.name, got, want, tail(p.stderr.String()))
	}
}

// watchMemory looks at the process's peak memory until it ends. The returned function tells what was seen last; the parent's own
// memory is in what wait4 would tell.
func (p *process) watchMemory() (peak func() int64) {
	var bytes atomic.Int64
	go func() { // ends with the process; Cleanup kills it
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		for p.running() {
			var kilobytes int64
			if _, err := fmt.Sscanf(p.status("VmHWM"), "%d kB", &kilobytes); err == nil {
				bytes.Store(kilobytes << 10)
			}
			<-ticker.C
		}
	}()
	return bytes.Load
}

// status returns a line of /proc/PID/status, "" if there is none.
func (p *process) status(key string) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// logged says whether the process has logged a line with this message.
func (p *process) logged(message string) bool {
	for line := range strings.Lines(p.stderr.String()) {
		var entry struct {
			Message string `json:"msg"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == message {
			return true
		}
	}
	return false
}

// tail keeps the last few kilobytes of a long output.
func tail(s string) string {
	const limit = 6 << 10
	if len(s) <= limit {
		return s
	}
	return "[...]" + s[len(s)-limit:]
}
