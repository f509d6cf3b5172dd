package latency

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// program.go: the sink as a process, as users run it.

// program is a sink that runs. Its owner calls stop.
type program struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
	err    error         // how, then
}

// startProgram starts a sink that outlives ctx, until stop: it is to end by itself.
func startProgram(ctx context.Context, o Options, topic, database string) (*program, error) {
	p := &program{exited: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), o.Sink, "run", "--migrate", "--brokers", strings.Join(o.Brokers, ","), "--topics", topic, "--group", topic)
	p.cmd.Env = append(os.Environ(), "DATABASE_URL="+database)
	p.cmd.Stdout, p.cmd.Stderr = o.Log, o.Log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, we end it
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	go func() { // owned by p: it ends with the process
		defer close(p.exited)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// stop ends the sink as an operator does, and with kill -9 when ctx ends.
func (p *program) stop(ctx context.Context) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error: it has ended already
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	if p.err != nil {
		return fmt.Errorf("the sink ended: %w", p.err)
	}
	return nil
}

// ended says how it ended, after exited.
func (p *program) ended() error {
	if p.err != nil {
		return p.err
	}
	return errors.New("with exit code 0")
}
