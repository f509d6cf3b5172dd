//go:build profile

package main

import (
	"fmt"
	"os"
	"runtime/pprof"
)

// profile_on.go: a build with the tag profile writes where its time went to the file that SINK_CPU_PROFILE names. `make profile` uses it.

// profiled calls run, which must not exit by itself.
func profiled(run func() int) int {
	f, err := os.Create(os.Getenv("SINK_CPU_PROFILE"))
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sink: SINK_CPU_PROFILE: %v\n", err)
		return exitUsage
	}
	code := run()
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		fmt.Fprintf(os.Stderr, "sink: SINK_CPU_PROFILE: %v\n", err)
		return max(code, exitFailed)
	}
	return code
}
