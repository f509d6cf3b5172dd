package localenv

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestScratch holds: what is left, a process and a file, is gone after Remove, and a process that was forgotten is let be.
func TestScratch(t *testing.T) {
	t.Parallel()
	s, err := NewScratch("ridesink-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var processes [2]*exec.Cmd
	for i := range processes {
		processes[i] = exec.CommandContext(t.Context(), "sleep", "600")
		if err := processes[i].Start(); err != nil {
			t.Fatal(err)
		}
		if err := s.Watch(processes[i].Process); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- processes[0].Wait() }() // the watchdog waits until it is reaped
	s.Forget(processes[1].Process)
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process that was watched: %v, want it killed", err)
	}
	if err := processes[1].Process.Kill(); err != nil {
		t.Errorf("the process that was forgotten: %v, want it alive", err)
	}
	_ = processes[1].Wait()
	if _, err := os.Stat(s.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}
