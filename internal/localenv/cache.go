package localenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// cache.go keeps what was fetched (postgres_fetch.go, kafka_fetch.go) in the user's cache directory, once for all processes.

// cached returns the directory name in the cache. If it is not there, fill makes its content in an empty directory, which is then renamed: what
// has its name is whole. Processes that want it at the same time wait for the one that fills.
func cached(ctx context.Context, name string, fill func(dir string) error) (string, error) {
	root, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w: set HOME or XDG_CACHE_HOME", err)
	}
	root = filepath.Join(root, "ridesink")
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w: set XDG_CACHE_HOME to a writable one", err)
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // somebody else was faster
	}
	partial, err := os.MkdirTemp(root, name+".partial-")
	if err != nil {
		return "", fmt.Errorf("make a directory in the cache: %w", err)
	}
	defer os.RemoveAll(partial) //nolint:errcheck // renamed, or worthless
	if err := os.Chmod(partial, 0o755); err != nil {
		return "", fmt.Errorf("make a directory in the cache: %w", err)
	}
	if err := fill(partial); err != nil {
		return "", err
	}
	if err := os.Rename(partial, dir); err != nil {
		return "", fmt.Errorf("put %s into the cache: %w", name, err)
	}
	return dir, nil
}

// lockFile waits until no other process holds the lock. The kernel releases the lock of a process that ends.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open a lock: %w", err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("wait for the process that holds %s: %w", path, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
