package localenv

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account.go: who a server runs as. PostgreSQL refuses to run as root, so root runs it as somebody else, who must be able to reach its
// programs and its directory.

// account is a user that a server runs as. The zero account is this process's own.
type account struct {
	name     string
	uid, gid uint32
}

// unprivileged is who PostgreSQL runs as: we ourselves, or for root the user postgres, else nobody.
func unprivileged() account {
	if os.Geteuid() != 0 {
		return account{}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{name: name, uid: uint32(uid), gid: uint32(gid)}
		}
	}
	return account{name: "nobody", uid: 65534, gid: 65534}
}

// other says that the account is not this process's own.
func (a account) other() bool { return a.name != "" }

func (a account) String() string {
	if !a.other() {
		return ""
	}
	return fmt.Sprintf(" as user %s (uid %d)", a.name, a.uid)
}

// attributes start a process as this account, in a process group of its own so that Ctrl-C does not reach it.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.other() {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// own makes path, and all in it, the account's.
func (a account) own(path string) error {
	if !a.other() {
		return nil
	}
	return filepath.WalkDir(path, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(a.uid), int(a.gid))
	})
}

// reaches says whether the account may go into dir: whether every directory on the way lets it pass.
func (a account) reaches(dir string) bool {
	if !a.other() {
		return true
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err != nil || !a.mayEnter(info) {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

func (a account) mayEnter(info os.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	switch mode := info.Mode().Perm(); {
	case owner.Uid == a.uid:
		return mode&0o100 != 0
	case owner.Gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// tempDir makes a directory of the account's own, below the usual place for temporary files or, if the account cannot go there, below another.
func (a account) tempDir(pattern string) (string, error) {
	for _, parent := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if !a.reaches(parent) {
			continue
		}
		dir, err := os.MkdirTemp(parent, pattern)
		if err != nil {
			return "", fmt.Errorf("make a temporary directory: %w", err)
		}
		return dir, a.own(dir)
	}
	return "", fmt.Errorf("no directory for temporary files that can be reached%s: set TMPDIR to one", a)
}
