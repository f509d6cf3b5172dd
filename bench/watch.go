package main

import (
	"sync"
	"time"
)

// watch.go: what broker, database and sinks use during a run.

const (
	sinkInterval     = 25 * time.Millisecond
	databaseInterval = 200 * time.Millisecond
)

// usage is what a run took. CPU is user and system time of all threads; peaks are resident bytes.
type usage struct {
	SinkCPU      float64 `json:"sink_cpu_seconds"` // of all members
	BrokerCPU    float64 `json:"broker_cpu_seconds"`
	PostgresCPU  float64 `json:"postgres_cpu_seconds"`
	SinkPeak     int64   `json:"sink_peak_bytes"` // of the largest member
	BrokerPeak   int64   `json:"broker_peak_bytes"`
	PostgresPeak int64   `json:"postgres_peak_bytes"` // shared memory counted once
	Sockets      int     `json:"sockets"`             // most at once, of one member
}

// watch looks at processes until end.
type watch struct {
	broker, postmaster           int
	brokerBefore, postgresBefore float64
	stop, stopped                chan struct{}
	once                         sync.Once

	mu    sync.Mutex
	sinks []int
	usage usage
}

// watch begins to look. The caller calls end.
func (e *environment) watch() (*watch, error) {
	postmaster, err := e.postmasterPID()
	if err != nil {
		return nil, err
	}
	w := &watch{broker: e.brokerPID(), postmaster: postmaster, stop: make(chan struct{}), stopped: make(chan struct{})}
	forgetPeak(w.broker)
	w.brokerBefore, w.postgresBefore = cpuOf(w.broker, false), treeCPU(postmaster)
	go w.look() // ended by end, which waits for it
	return w, nil
}

// also looks at one more sink.
func (w *watch) also(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sinks = append(w.sinks, pid)
}

func (w *watch) look() {
	defer close(w.stopped)
	sinks, database := time.NewTicker(sinkInterval), time.NewTicker(databaseInterval)
	defer sinks.Stop()
	defer database.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-sinks.C:
			w.lookAtSinks()
		case <-database.C:
			peak := treeMemory(w.postmaster)
			w.mu.Lock()
			w.usage.PostgresPeak = max(w.usage.PostgresPeak, peak)
			w.mu.Unlock()
		}
	}
}

// lookAtSinks notes each sink's highest memory: after its end the kernel would tell only a number that has ours in it.
func (w *watch) lookAtSinks() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pid := range w.sinks {
		w.usage.SinkPeak = max(w.usage.SinkPeak, memoryOf(pid, "VmHWM")[0])
		w.usage.Sockets = max(w.usage.Sockets, socketsOf(pid))
	}
}

// end returns what was used since the beginning, but for the sinks' CPU. A second call changes nothing.
func (w *watch) end() usage {
	w.once.Do(func() {
		close(w.stop)
		<-w.stopped
		w.usage.BrokerCPU = cpuOf(w.broker, false) - w.brokerBefore
		w.usage.PostgresCPU = treeCPU(w.postmaster) - w.postgresBefore
		w.usage.BrokerPeak = memoryOf(w.broker, "VmHWM")[0]
	})
	return w.usage
}
