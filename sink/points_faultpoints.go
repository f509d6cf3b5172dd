//go:build faultpoints

package sink

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// points_faultpoints.go: a build for tests sends itself a signal at a point. RIDESINK_FAULTPOINT=afterCopy:3:KILL means: SIGKILL when
// afterCopy is reached for the third time; STOP is SIGSTOP. Only such a build reads the environment outside cmd/sink.

func pointsOfBuild() *points {
	setting := os.Getenv("RIDESINK_FAULTPOINT")
	if setting == "" {
		return nil
	}
	parts := strings.Split(setting, ":")
	signals := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP}
	if len(parts) != 3 || signals[parts[2]] == 0 {
		panic(fmt.Sprintf("RIDESINK_FAULTPOINT is %q: it must be like afterCopy:3:KILL", setting))
	}
	times, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		panic(fmt.Sprintf("RIDESINK_FAULTPOINT is %q: %v", setting, err))
	}
	var reached atomic.Int64
	return &points{at: func(at point) {
		if string(at) == parts[0] && reached.Add(1) == times {
			_ = syscall.Kill(os.Getpid(), signals[parts[2]]) // a process may always signal itself
			time.Sleep(100 * time.Millisecond)               // the signal may take a moment to arrive
		}
	}}
}
