package localenv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestCached holds: of several that want the same thing, one makes it; half of it is never seen; who failed leaves nothing.
func TestCached(t *testing.T) { //nolint:paralleltest // sets the environment
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))

	broken := errors.New("no network")
	_, err := cached(t.Context(), "thing", func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o600), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("the error is %v, want %v", err, broken)
	}
	var made atomic.Int32
	var wanting errgroup.Group
	for range 4 {
		wanting.Go(func() error {
			dir, err := cached(t.Context(), "thing", func(dir string) error {
				made.Add(1)
				return os.WriteFile(filepath.Join(dir, "whole"), nil, 0o600)
			})
			if err != nil {
				return err
			}
			entries, err := os.ReadDir(dir)
			if err == nil && (len(entries) != 1 || entries[0].Name() != "whole") {
				return errors.New("it has more or less than the whole: " + entries[0].Name())
			}
			return err
		})
	}
	if err := wanting.Wait(); err != nil || made.Load() != 1 {
		t.Errorf("it was made %d times (%v), want once", made.Load(), err)
	}
	root, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(root, "ridesink"))
	if err != nil || len(entries) != 2 { // the thing and its lock
		t.Errorf("the cache has %v (%v)", entries, err)
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that is held: %v, want a wait until the deadline", err)
	}
	unlock()
	again, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
