package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// judge.go: what the tests say about one mutant. Before it tree.go; gate.go judges all.

// outcome is how a test, or a judgement, ended.
type outcome string

const (
	passed  outcome = "passed"
	failed  outcome = "failed"
	hung    outcome = "hung"
	noBuild outcome = "does not compile"
)

// tested is the end of a test binary.
type tested struct {
	outcome outcome
	by      string // the test that failed
	output  string
}

// verdict is what became of a mutant.
type verdict struct {
	mutant mutant
	caught bool
	by     string // the test that noticed
	why    string // what is wrong, where it was not caught as it should be
	took   time.Duration
}

// judge puts m into the copy at tree, and takes it out again. The test that m names must catch it; where that does not, the suite is asked who does.
func (g *gate) judge(ctx context.Context, tree string, m mutant) (v verdict, err error) {
	began := time.Now()
	v.mutant = m
	defer func() { v.took = time.Since(began) }()
	takeOut, err := putIn(tree, m)
	if err != nil {
		v.why = err.Error()
		return v, nil
	}
	defer func() { err = errors.Join(err, takeOut()) }()
	t, err := g.runTest(ctx, tree, build{pkg: m.pkg, race: m.race}, m.pattern())
	if err != nil {
		return v, err
	}
	switch t.outcome {
	case failed:
		v.caught, v.by = true, t.by
	case hung:
		v.caught, v.by = true, m.test+" (hung)"
	case noBuild:
		v.why = fmt.Sprintf("patch %s does not compile: refresh it:\n%s", m.name, t.tail())
	case passed:
		v.why = fmt.Sprintf("%s %s passes with the bug, and so does every other test", m.pkg, m.test)
		by, err := g.anyTest(ctx, tree)
		if err != nil {
			return v, err
		}
		if by != "" {
			v.why = fmt.Sprintf("%s %s passes with the bug; %s catches it: make the first one catch it, or name the other", m.pkg, m.test, by)
		}
	}
	return v, nil
}

// build is a test binary.
type build struct {
	pkg  string
	race bool
}

// runTest builds the tests of a package of the tree and runs those that match.
func (g *gate) runTest(ctx context.Context, tree string, b build, pattern string) (tested, error) {
	bin, err := os.CreateTemp("", "mutant-*.test")
	if err != nil {
		return tested{}, err
	}
	_ = bin.Close()                              // only its name is needed
	defer func() { _ = os.Remove(bin.Name()) }() // one file too many in the temporary directory harms nobody
	out, err := command(ctx, tree, 10*time.Minute, "go", "test", "-c", "-vet=off", "-ldflags=-w", fmt.Sprint("-race=", b.race), "-o", bin.Name(), b.pkg)
	if ctx.Err() != nil {
		return tested{}, context.Cause(ctx)
	}
	if err != nil {
		return tested{outcome: noBuild, output: out}, nil
	}
	out, err = command(ctx, filepath.Join(tree, b.pkg), g.testTimeout+time.Minute, bin.Name(),
		"-test.run", pattern, "-test.v", "-test.failfast", "-test.timeout", g.testTimeout.String())
	if ctx.Err() != nil {
		return tested{}, context.Cause(ctx)
	}
	return read(out, err), nil
}

// failure is how go test names a test that failed. Subtests come after the test that they belong to, indented.
var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// read says how a test binary ended, and who failed, as precisely as can be.
func read(out string, err error) tested {
	t := tested{outcome: passed, output: out}
	for _, match := range failure.FindAllStringSubmatch(out, -1) {
		if strings.HasPrefix(match[1], t.by) {
			t.by = match[1]
		}
	}
	switch {
	case strings.Contains(out, "panic: test timed out after"), errors.Is(err, context.DeadlineExceeded):
		t.outcome = hung
	case err != nil:
		t.outcome = failed
	}
	return t
}

// ran says whether a test ran to its end, which one that was skipped did not.
func (t tested) ran(test string) bool {
	return regexp.MustCompile(`(?m)^\s*--- PASS: ` + regexp.QuoteMeta(test) + ` \(`).MatchString(t.output)
}

// tail is the end of what it said.
func (t tested) tail() string { return t.output[max(0, len(t.output)-4<<10):] }

// anyTest runs the whole suite of the tree until a test fails, and returns which; empty if none does.
func (g *gate) anyTest(ctx context.Context, tree string) (by string, err error) {
	out, err := command(ctx, tree, 2*g.suiteTimeout, "go", "test", "-vet=off", "-failfast", "-timeout", g.suiteTimeout.String(), "./...")
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err == nil {
		return "", nil
	}
	if t := read(out, err); t.by != "" {
		return t.by, nil
	}
	return "a package as a whole", nil
}

// command runs a program in a process group of its own, which it does not survive: a test that hangs may leave children. It returns what it
// said on both outputs.
func command(ctx context.Context, dir string, limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	c.Dir, c.Stdout, c.Stderr = dir, &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.WaitDelay = 5 * time.Second // children may hold its output
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	err := c.Run()
	if c.Process != nil {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // mostly nobody is left
	}
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	return said.String(), err
}
