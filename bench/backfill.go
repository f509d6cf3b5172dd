package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// backfill.go: the sink moves a topic, as one process or as several of a group.

// measurement is one run of sink or floor.
type measurement struct {
	Seconds float64 `json:"seconds"` // first fetch, or first byte, to last COMMIT
	Wall    float64 `json:"wall_seconds,omitempty"`
	Took    float64 `json:"took_seconds,omitempty"` // as the sink's summary says it: with joining the group, without starting the process
	Usage   usage   `json:"usage"`
}

// member is a sink that ran.
type member struct {
	began, ended   time.Time
	first, last    time.Time // just before its first fetch, and just after its last COMMIT; zero if it had nothing to do
	took           float64
	inserted       int64
	stdout, stderr bytes.Buffer
	user, system   time.Duration
}

// sinks lets so many members of a new group move the topic, and checks what is in the table then.
func (e *environment) sinks(ctx context.Context, t *topic, members int) (measurement, error) {
	var r measurement
	if err := e.clear(ctx); err != nil {
		return r, err
	}
	watch, err := e.watch()
	if err != nil {
		return r, err
	}
	defer watch.end()
	group := "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	all := make([]*member, members)
	running, runCtx := errgroup.WithContext(ctx)
	for i := range all {
		all[i] = &member{}
		running.Go(func() error { return e.backfill(runCtx, all[i], watch, t.name, group) })
	}
	if err := running.Wait(); err != nil {
		return r, err
	}
	r.Usage = watch.end()
	if err := r.add(all, t.Rides); err != nil {
		return r, err
	}
	return r, e.check(ctx, t.want)
}

// backfill runs one member. Its log says when it began to fetch, and when each transaction was durable: one line for megabytes of rows.
func (e *environment) backfill(ctx context.Context, m *member, w *watch, topic, group string) error {
	c := exec.CommandContext(ctx, e.sink, "backfill", "--json", "--topics="+topic, "--group="+group, "--log-level=debug", "--log-format=json")
	c.Env, c.Stdout, c.Stderr = e.variables(), &m.stdout, &m.stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: a second signal would have it exit at once
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = networkTimeout
	m.began = time.Now()
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the sink: %w", err)
	}
	watched := e.scratch.Watch(c.Process)
	w.also(c.Process.Pid)
	err := c.Wait()
	m.ended = time.Now()
	e.scratch.Forget(c.Process)
	if err != nil {
		return errors.Join(fmt.Errorf("sink backfill: %w; the end of its log:\n%s", err, m.stderr.Bytes()[max(0, m.stderr.Len()-4000):]), watched)
	}
	m.user, m.system = c.ProcessState.UserTime(), c.ProcessState.SystemTime()
	return errors.Join(watched, m.read())
}

// read takes the times from the log and the counts from the summary.
func (m *member) read() error {
	for line := range bytes.Lines(m.stderr.Bytes()) {
		var entry struct {
			Time time.Time
			Msg  string
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			return fmt.Errorf("a line of the sink's log is not JSON: %w", err)
		}
		switch {
		case entry.Msg == "assigned" && m.first.IsZero():
			m.first = entry.Time
		case entry.Msg == "wrote":
			m.last = entry.Time
		}
	}
	var summary struct {
		TookSeconds float64 `json:"took_seconds"`
		ThisRun     struct {
			Inserted int64 `json:"inserted"`
		} `json:"this_run"`
	}
	if err := json.Unmarshal(m.stdout.Bytes(), &summary); err != nil {
		return fmt.Errorf("the sink's summary: %w", err)
	}
	m.took, m.inserted = summary.TookSeconds, summary.ThisRun.Inserted
	return nil
}

// add makes one run of its members.
func (r *measurement) add(all []*member, rides int64) error {
	var inserted int64
	var first, last, began, ended time.Time
	for _, m := range all {
		inserted += m.inserted
		r.Took = max(r.Took, m.took)
		r.Usage.SinkCPU += (m.user + m.system).Seconds()
		began, ended = earlier(began, m.began), later(ended, m.ended)
		if !m.last.IsZero() {
			first, last = earlier(first, m.first), later(last, m.last)
		}
	}
	if inserted != rides {
		return fmt.Errorf("the summaries tell of %d rides, want %d", inserted, rides)
	}
	if first.IsZero() || !last.After(first) {
		return errors.New("the sink's log does not tell when it was assigned partitions, and when it wrote: see what backfill.go looks for")
	}
	r.Seconds, r.Wall = last.Sub(first).Seconds(), ended.Sub(began).Seconds()
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
