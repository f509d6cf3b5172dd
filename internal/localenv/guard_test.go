package localenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endVariable makes this test binary a program that starts servers and then ends in some way (startAndEnd).
const endVariable = "LOCALENV_TEST_END"

// startAndEnd starts a PostgreSQL and a process that ignores all signals, says where they are, and ends.
func startAndEnd(how string) {
	p, err := StartPostgres(context.Background(), PostgresOptions{})
	if err != nil {
		panic(err)
	}
	stubborn, err := startProcess(p.guard, launch{
		path: "/bin/sh", args: []string{"-c", `trap '' HUP INT TERM QUIT; while :; do sleep 1; done`}, dir: "/", log: filepath.Join(p.dir, "stubborn"), lastSignal: "QUIT",
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Dir(), p.process.cmd.Process.Pid, stubborn.cmd.Process.Pid)
	switch how {
	case "exit":
		os.Exit(0)
	case "panic":
		panic("on purpose")
	}
	select {} // until a signal
}

// TestNothingIsLeft holds: however a process ends that started servers, they end and their directories go.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		scenario, how string
		signal        syscall.Signal
	}{
		{"it exits without Stop", "exit", 0},
		{"it panics", "panic", 0},
		{"Ctrl-C", "wait", syscall.SIGINT},
		{"kill -9", "wait", syscall.SIGKILL},
	} {
		t.Run(s.scenario, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			c := exec.CommandContext(t.Context(), self)
			c.Env = append(os.Environ(), endVariable+"="+s.how)
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			var dir string
			var server, stubborn int
			if _, scan := fmt.Sscan(line, &dir, &server, &stubborn); err != nil || scan != nil {
				t.Fatalf("the child says %q (%v)", line, errors.Join(err, scan))
			}
			if s.signal != 0 {
				if err := syscall.Kill(-c.Process.Pid, s.signal); err != nil { // the whole group, as a terminal does
					t.Fatal(err)
				}
			}
			if err := c.Wait(); err == nil && s.how != "exit" {
				t.Error("the child ended well")
			}
			await(t, "its directory and processes go", func() string {
				_, err := os.Stat(dir)
				if !errors.Is(err, os.ErrNotExist) {
					return fmt.Sprintf("%s: %v", dir, err)
				}
				for _, pid := range []int{server, stubborn} {
					if alive(pid) {
						return fmt.Sprintf("process %d lives", pid)
					}
				}
				return ""
			})
		})
	}
}

// alive says whether a process runs. One that has ended, and that nobody waits for, does not.
func alive(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) == nil
}

// await polls until pending returns nothing, and prints what it last returned if that takes too long.
func await(t *testing.T, what string, pending func() string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for {
		last := pending()
		if last == "" {
			return
		}
		select {
		case <-late:
			t.Fatalf("waited 30 s until %s: %s", what, last)
		case <-tick.C:
		}
	}
}

func TestPortIsHeld(t *testing.T) {
	t.Parallel()
	p, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	other := port{number: p.number}
	if other.take() == nil {
		t.Error("two servers get the same port")
	}
	p.release()
	await(t, "a released port is free", func() string { // a process that another test starts has the socket until it executes
		if err := other.take(); err != nil {
			return err.Error()
		}
		return ""
	})
	other.release()
}
