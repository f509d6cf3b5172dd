// Mutants shows that the tests would notice: it puts seeded bugs into a copy of the tree, one at a time, and fails if the tests pass with any of
// them. Each bug is a file in patches: what it breaks, the test that must catch it, and a diff.
//
//	go run ./internal/localenv/withservers go run ./internal/mutants
//
// To add one: make the bug, write the output of `git diff -U1` into patches/NNN-name.patch behind two lines, and take the bug out again.
//
//	Breaks: what goes wrong for whom, in one sentence.
//	Caught by: ./package TestThatFails
//
// A bug that only the race detector sees has -race behind the test's name. The bug must compile, and the test must pass without it. Where the lines around a bug changed meanwhile, the gate and `go test` say which patch to
// make anew. A test that hangs has noticed too.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// main.go: flags and exit code. patch.go is a mutant as data, tree.go a copy to put it into, judge.go what the tests say, gate.go all of them.

func main() {
	only := flag.String("only", "", "a regular expression: only the mutants whose names match")
	list := flag.Bool("list", false, "print the mutants and what must catch them, and run nothing")
	workers := flag.Int("j", 2, "how many mutants to judge at once")
	flag.Parse()
	matching, err := regexp.Compile(*only)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants: -only:", err)
		os.Exit(2)
	case flag.NArg() > 0 || *workers < 1:
		fmt.Fprintln(os.Stderr, "mutants: no arguments, and -j of at least 1; -h lists the flags")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, matching, *list, *workers); err != nil {
		stop() // Exit runs no defer
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run lists or judges the mutants whose names match.
func run(ctx context.Context, matching *regexp.Regexp, list bool, workers int) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	mutants, err := readMutants(os.DirFS(root), patchDir)
	if err != nil {
		return err
	}
	var chosen []mutant
	for _, m := range mutants {
		if matching.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant is called %s; -list names them", matching)
	}
	if list {
		for _, m := range chosen {
			fmt.Printf("%s\n\t%s\n\t%s %s\n", m.name, m.breaks, m.pkg, m.test)
		}
		return nil
	}
	g := gate{root: root, workers: workers, testTimeout: 2 * time.Minute, suiteTimeout: 15 * time.Minute, out: os.Stdout}
	return g.judgeAll(ctx, chosen)
}
