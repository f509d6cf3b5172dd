package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine.go: on what, and of what, it was measured.

// processor is the model of the CPU.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // not Linux: no name
	if _, after, ok := strings.Cut(string(info), "model name"); ok {
		model, _, _ := strings.Cut(after, "\n")
		return strings.TrimSpace(strings.TrimLeft(model, "\t: "))
	}
	return runtime.GOARCH
}

// memory is what the machine has, in bytes; 0 where nobody tells.
func memory() int64 {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kilobytes int64
	_, after, _ := strings.Cut(string(info), "MemTotal:")
	if _, err := fmt.Sscan(after, &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}

// load is how many processes wanted a processor in the last minute.
func load() string {
	content, _ := os.ReadFile("/proc/loadavg") // not Linux: none
	one, _, _ := strings.Cut(string(content), " ")
	return one
}

// commit is what was measured; with -dirty behind it if files differ from it.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
