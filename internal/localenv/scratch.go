package localenv

import (
	"fmt"
	"os"
)

// scratch.go is for programs that are no servers of this package, such as those that a benchmark starts.

// Scratch is a directory of this process, and processes beside it. When this process is gone, however it ended, they are killed and the
// directory is removed. Its methods may be called from several goroutines. Its owner calls Remove.
type Scratch struct {
	dir   string
	guard *guard
}

// NewScratch makes an empty directory, with a name that begins with prefix.
func NewScratch(prefix string) (*Scratch, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	guard, err := newGuard(dir)
	if err != nil {
		return nil, fmt.Errorf("%w (%s stays)", err, dir)
	}
	return &Scratch{dir: dir, guard: guard}, nil
}

// Dir is the directory.
func (s *Scratch) Dir() string { return s.dir }

// Watch has a process killed when this one is gone, unless Forget is called before. What it has started in the meantime is not known.
func (s *Scratch) Watch(process *os.Process) error { return s.guard.watch(process.Pid, "KILL") }

// Forget is called when a process has ended: its number may become somebody else's.
func (s *Scratch) Forget(process *os.Process) { s.guard.forget(process.Pid) }

// Remove kills what is still watched and removes the directory.
func (s *Scratch) Remove() error { return s.guard.end() }
