package latency

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage.go: what processes and the machine used, by Linux's count.

// ticksPerSecond is in what unit /proc counts time: USER_HZ, which is 100 wherever Go runs.
const ticksPerSecond = 100

// Usage is what was used over a time. Percent of a core can be above 100, percent of the machine cannot.
type Usage struct {
	Seconds      float64 `json:"seconds"`
	MachineBusy  float64 `json:"machine_busy_percent"`     // of all cores, by all processes
	OthersBusy   float64 `json:"other_processes_percent"`  // of all cores, by processes that are none of those below, and the kernel
	Sink         float64 `json:"sink_core_percent"`        // of one core, as the next three
	Broker       float64 `json:"broker_core_percent"`      // 0 if it was not found on this machine
	PostgreSQL   float64 `json:"postgresql_core_percent"`  // all its processes; 0 if it was not found on this machine
	Generator    float64 `json:"generator_core_percent"`   // this process: generator and poller
	SinkPeak     int64   `json:"sink_peak_resident_bytes"` // since its start
	SinkSwitches float64 `json:"sink_switches_per_second"` // how often its threads went to sleep
	Transactions float64 `json:"transactions_per_second"`  // ledger rows that were moved, which PostgreSQL tells up to a second late
}

// reading is all counts at one time.
type reading struct {
	at                                  time.Time
	busy, all                           float64 // seconds of all cores
	sink, broker, postgresql, generator float64 // seconds
	peak, switches, transactions        int64
}

// usage reads at both times and returns the difference.
func (t *trial) usage(ctx context.Context, first, end time.Time) (Usage, error) {
	if err := sleepUntil(ctx, first); err != nil {
		return Usage{}, err
	}
	a, err := t.read(ctx)
	if err != nil {
		return Usage{}, err
	}
	if err := sleepUntil(ctx, end); err != nil {
		return Usage{}, err
	}
	b, err := t.read(ctx)
	if err != nil {
		return Usage{}, err
	}
	seconds := b.at.Sub(a.at).Seconds()
	percent := func(from, to float64) float64 { return 100 * (to - from) / seconds }
	known := b.sink + b.broker + b.postgresql + b.generator - a.sink - a.broker - a.postgresql - a.generator
	all := max(b.all-a.all, 1.0/ticksPerSecond)
	return Usage{
		Seconds: seconds, MachineBusy: 100 * (b.busy - a.busy) / all, OthersBusy: max(0, 100*(b.busy-a.busy-known)/all),
		Sink: percent(a.sink, b.sink), Broker: percent(a.broker, b.broker), PostgreSQL: percent(a.postgresql, b.postgresql),
		Generator: percent(a.generator, b.generator), SinkPeak: b.peak,
		SinkSwitches: float64(b.switches-a.switches) / seconds, Transactions: float64(b.transactions-a.transactions) / seconds,
	}, nil
}

func (t *trial) read(ctx context.Context) (r reading, err error) {
	r.at = time.Now()
	if r.busy, r.all, err = machine(); err != nil {
		return r, err
	}
	r.generator = cpu(os.Getpid())
	r.broker, r.postgresql = t.servers.cpu()
	if t.program != nil {
		pid := t.program.cmd.Process.Pid
		r.sink, r.peak, r.switches = cpu(pid), peak(pid), switches(pid)
	}
	r.transactions, err = moves(ctx, t.database)
	return r, err
}

// machine is how long all cores worked, and how long they could have.
func machine() (busy, all float64, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("latency is measured on Linux only: %w", err)
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal, then guests, who are in user too
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, errors.New("/proc/stat does not begin with cpu and eight numbers")
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		all += n / ticksPerSecond
		if i != 3 && i != 4 { // idle, iowait
			busy += n / ticksPerSecond
		}
	}
	return busy, all, nil
}

// stat returns what /proc has of a process after its name: field 0 is the state. It is nil if the process is gone.
func stat(pid int) []string {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) < 15 {
		return nil
	}
	return fields
}

// cpu is the seconds that a process used, 0 if it is gone.
func cpu(pid int) float64 { return ticks(stat(pid), 11, 12) }

// childrenCPU is the seconds of children that ended.
func childrenCPU(pid int) float64 { return ticks(stat(pid), 13, 14) }

func ticks(fields []string, which ...int) (seconds float64) {
	if fields == nil {
		return 0
	}
	for _, i := range which {
		n, err := strconv.ParseFloat(fields[i], 64)
		if err == nil {
			seconds += n / ticksPerSecond
		}
	}
	return seconds
}

// peak is the most resident bytes of a process, 0 if it is gone.
func peak(pid int) int64 { return 1024 * statusNumber("/proc/"+strconv.Itoa(pid)+"/status", "VmHWM:") }

// switches is how often the threads of a process went to sleep.
func switches(pid int) (n int64) {
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil {
		return 0
	}
	for _, thread := range threads {
		n += statusNumber(thread, "\nvoluntary_ctxt_switches:")
	}
	return n
}

// statusNumber returns the number behind name, 0 if there is none.
func statusNumber(path, name string) int64 {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(content), name)
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
