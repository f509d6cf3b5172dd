package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tree.go: a copy of the working tree, which bugs are put into and taken out of. The tree itself is only read.

// moduleRoot is the directory of the module that the command runs in.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("no module here: run it inside ridesink's tree")
	}
	return filepath.Dir(file), nil
}

// trackedFiles are the files that git knows, as far as they still exist.
func trackedFiles(ctx context.Context, root string) ([]string, error) {
	c := exec.CommandContext(ctx, "git", "-C", root, "ls-files", "-z")
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	var files []string
	for _, file := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, file)); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	return files, nil
}

// copyTree copies files of the tree at root to a new directory to.
func copyTree(root, to string, files []string) error {
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(root, file))
		if err != nil {
			return err
		}
		at := filepath.Join(to, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// putIn puts m into the copy at tree. takeOut makes the copy what it was.
func putIn(tree string, m mutant) (takeOut func() error, err error) {
	changed, err := m.mutate(os.DirFS(tree))
	if err != nil {
		return nil, err
	}
	before := map[string][]byte{}
	takeOut = func() error {
		var errs []error
		for file, content := range before {
			errs = append(errs, rewrite(tree, file, content))
		}
		return errors.Join(errs...)
	}
	for file, content := range changed {
		was, err := os.ReadFile(filepath.Join(tree, file))
		if err != nil {
			return nil, errors.Join(err, takeOut())
		}
		before[file] = was
		if err := rewrite(tree, file, []byte(content)); err != nil {
			return nil, errors.Join(err, takeOut())
		}
	}
	return takeOut, nil
}

// rewrite replaces a file's content and keeps its mode.
func rewrite(tree, file string, content []byte) error {
	f, err := os.OpenFile(filepath.Join(tree, file), os.O_WRONLY|os.O_TRUNC, fs.FileMode(0))
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
