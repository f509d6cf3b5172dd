package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// gate.go: all mutants, one after the other in each copy of the tree, and what to say in the end.

// gate judges mutants in copies of a tree.
type gate struct {
	root         string        // of the tree, which is only read
	workers      int           // mutants judged at once
	testTimeout  time.Duration // after which the named test counts as hanging, which is a way to notice
	suiteTimeout time.Duration // the same for each package of the suite
	out          io.Writer     // a line about each mutant
}

// judgeAll judges mutants. It returns an error unless each was caught by the test that it names.
func (g *gate) judgeAll(ctx context.Context, mutants []mutant) (err error) {
	began := time.Now()
	files, err := trackedFiles(ctx, g.root)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	trees := make([]string, min(g.workers, len(mutants)))
	for i := range trees {
		trees[i] = filepath.Join(work, fmt.Sprint("tree", i))
		if err := copyTree(g.root, trees[i], files); err != nil {
			return fmt.Errorf("copy the tree: %w", err)
		}
	}
	if err := g.healthy(ctx, trees[0], mutants); err != nil {
		return err
	}
	var mu sync.Mutex
	var wrong []string // guarded by mu
	next := make(chan mutant)
	judges, ctx := errgroup.WithContext(ctx)
	judges.Go(func() error {
		defer close(next)
		for _, m := range mutants {
			select {
			case next <- m:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for _, tree := range trees {
		judges.Go(func() error {
			for m := range next {
				v, err := g.judge(ctx, tree, m)
				if err != nil {
					return fmt.Errorf("judge %s: %w", m.name, err)
				}
				mu.Lock()
				fmt.Fprintln(g.out, v)
				if !v.caught {
					wrong = append(wrong, m.name)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := judges.Wait(); err != nil {
		return err
	}
	fmt.Fprintf(g.out, "%d of %d mutants caught in %s\n", len(mutants)-len(wrong), len(mutants), time.Since(began).Round(time.Second))
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fmt.Errorf("not caught as they should be: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// healthy makes sure that the named tests pass in a tree without bugs: else they would seem to catch everything.
func (g *gate) healthy(ctx context.Context, tree string, mutants []mutant) error {
	var builds []build
	tests, named := map[build][]string{}, map[build][]mutant{}
	for _, m := range mutants {
		b := build{pkg: m.pkg, race: m.race}
		if named[b] == nil {
			builds = append(builds, b)
		}
		named[b] = append(named[b], m)
		if !slices.Contains(tests[b], m.top()) {
			tests[b] = append(tests[b], m.top())
		}
	}
	for _, b := range builds {
		began, pkg, names := time.Now(), b.pkg, tests[b]
		t, err := g.runTest(ctx, tree, b, "^("+strings.Join(names, "|")+")$")
		if err != nil {
			return fmt.Errorf("test %s without a mutant: %w", pkg, err)
		}
		if t.outcome != passed {
			return fmt.Errorf("the tests of %s must pass without a mutant: %s %s\n%s", pkg, t.outcome, t.by, t.tail())
		}
		for _, m := range named[b] {
			if !t.ran(m.test) {
				return fmt.Errorf("%s: %s %s did not run: there is no such test, git does not know its file, or it was skipped for want of a server", m.name, pkg, m.test)
			}
		}
		fmt.Fprintf(g.out, "sound  %-44s %5.1f s  %d tests without a mutant\n", pkg, time.Since(began).Seconds(), len(names))
	}
	return nil
}

// String is a line about a mutant, and more if it was not caught.
func (v verdict) String() string {
	if v.caught {
		return fmt.Sprintf("caught %-44s %5.1f s  %s", v.mutant.name, v.took.Seconds(), v.by)
	}
	return fmt.Sprintf("LIVES  %-44s %5.1f s  %s\n       %s", v.mutant.name, v.took.Seconds(), v.mutant.breaks, v.why)
}
