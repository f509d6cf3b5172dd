package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"ridesink/internal/localenv"
)

// machine.go: on what it was measured.

const kafkaVersion = localenv.KafkaVersion

// machine names the processors, the system, and the commit that was measured.
func machine(ctx context.Context) string {
	line := fmt.Sprintf("%d processors", runtime.NumCPU())
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(info), "model name"); ok {
			model, _, _ := strings.Cut(after, "\n")
			line += " (" + strings.TrimSpace(strings.TrimLeft(model, "\t: ")) + ")"
		}
	}
	line += ", " + runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version()
	if commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		line += ", commit " + strings.TrimSpace(string(commit))
	}
	return line
}
