package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage.go: what Linux says about a process. Elsewhere there is no /proc, and all is 0.

// ticks a second, in which the kernel counts time for programs; it is the same on every machine that Go runs on.
const ticks = 100

// cpuOf returns the CPU seconds of a process with all its threads; with its children that ended and were waited for, if dead.
func cpuOf(pid int, dead bool) float64 {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	return cpuSeconds(string(stat), dead)
}

// cpuSeconds reads utime, stime, cutime and cstime: the 14th to 17th field. The second, the name, may hold anything but ends with the last ).
func cpuSeconds(stat string, dead bool) float64 {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 15 {
		return 0
	}
	times := fields[11:13]
	if dead {
		times = fields[11:15]
	}
	var sum int64
	for _, field := range times {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return float64(sum) / ticks
}

// childrenOf lists the processes that a process has started and that still run.
func childrenOf(pid int) (children []int) {
	id := strconv.Itoa(pid)
	content, err := os.ReadFile(filepath.Join("/proc", id, "task", id, "children"))
	if err != nil {
		return nil
	}
	for field := range strings.FieldsSeq(string(content)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// treeCPU returns the CPU seconds of a process and its children, those that ended included.
func treeCPU(pid int) float64 {
	sum := cpuOf(pid, true)
	for _, child := range childrenOf(pid) {
		sum += cpuOf(child, true)
	}
	return sum
}

// memoryOf returns lines of /proc/PID/status in bytes.
func memoryOf(pid int, names ...string) []int64 {
	values := make([]int64, len(names))
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return values
	}
	for i, name := range names {
		_, after, _ := strings.Cut(string(status), name+":")
		var kilobytes int64
		if _, err := fmt.Sscan(after, &kilobytes); err == nil {
			values[i] = kilobytes << 10
		}
	}
	return values
}

// treeMemory returns what the processes of PostgreSQL have resident: each one's own, and the shared memory once.
func treeMemory(pid int) int64 {
	var own, shared int64
	for _, p := range append(childrenOf(pid), pid) {
		m := memoryOf(p, "RssAnon", "RssShmem")
		own, shared = own+m[0], max(shared, m[1])
	}
	return own + shared
}

// forgetPeak has the kernel begin anew with a process' highest resident memory. Where it refuses, the peak is that of all its life.
func forgetPeak(pid int) {
	_ = os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0) // see above
}

// socketsOf counts a process' sockets.
func socketsOf(pid int) (n int) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, f := range files {
		if target, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}
