package sink

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// state.go: what the running pipelines are doing, for metrics.go and for readiness. Nothing here decides anything.

// partitionState is one owned partition as its pipeline sees it. Safe for concurrent use.
type partitionState struct {
	topicPartition
	moved chan struct{} // has something in it when the ledger was seen elsewhere
	mu    sync.Mutex
	// guarded by mu:
	at       Position
	logStart int64
	lastStable,
	highWatermark int64 // -1 until the first fetch
	reason    string // why it is halted, empty while it runs
	lastWrite time.Time
	counts    counts // of this run
}

func newPartitionState(tp topicPartition) *partitionState {
	return &partitionState{topicPartition: tp, moved: make(chan struct{}, 1), logStart: -1, lastStable: -1, highWatermark: -1}
}

// tellMoved tells the pipeline that the ledger is elsewhere.
func (s *partitionState) tellMoved() {
	select {
	case s.moved <- struct{}{}:
	default: // it was told already
	}
}

func (s *partitionState) isHalted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason != ""
}

func (s *partitionState) position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// placed notes the position that the ledger has; a halt is over then.
func (s *partitionState) placed(at Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.reason = at, ""
}

func (s *partitionState) sawLog(logStart, lastStable, highWatermark int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logStart, s.lastStable, s.highWatermark = logStart, lastStable, highWatermark
}

func (s *partitionState) halted(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = reason
}

func (s *partitionState) wrote(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = b.next
	s.counts = s.counts.plus(b.counts)
	s.lastWrite = time.Now()
}

// PartitionStatus is what a member knows of a partition that it owns now.
type PartitionStatus struct {
	Topic         string
	Partition     int32
	Position      Position
	LogStart      int64     // -1 until the first fetch
	LastStable    int64     // the end for a reader of committed records, -1 until the first fetch
	HighWatermark int64     // the end of what is replicated, -1 until the first fetch
	LastWrite     time.Time // zero before the first
	HaltedReason  string    // empty while it runs
}

// Lag is how many offsets are between the position and the last stable offset; 0 while that is not known.
func (s PartitionStatus) Lag() int64 { return max(0, s.LastStable-int64(s.Position)) }

func (s *partitionState) status() PartitionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return PartitionStatus{
		Topic: s.topic, Partition: s.partition, Position: s.at, LogStart: s.logStart, LastStable: s.lastStable,
		HighWatermark: s.highWatermark, LastWrite: s.lastWrite, HaltedReason: s.reason,
	}
}

// owned is the set of partitions that this member has now, and the counts of those that it had.
type owned struct {
	mu sync.Mutex
	// guarded by mu:
	now    map[topicPartition]*partitionState
	before counts
	ready  bool // a generation is running
}

// replace makes states the partitions owned now.
func (o *owned) replace(states map[topicPartition]*partitionState, ready bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.now {
		s.mu.Lock()
		o.before = o.before.plus(s.counts)
		s.mu.Unlock()
	}
	o.now, o.ready = states, ready
}

// states returns the partitions owned now.
func (o *owned) states() map[topicPartition]*partitionState {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.now)
}

// total is what this process has written so far.
func (o *owned) total() counts {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := o.before
	for _, s := range o.now {
		s.mu.Lock()
		sum = sum.plus(s.counts)
		s.mu.Unlock()
	}
	return sum
}

// status returns the partitions owned now in order, and whether a generation is running.
func (o *owned) status() ([]PartitionStatus, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]PartitionStatus, 0, len(o.now))
	for _, tp := range slices.SortedFunc(maps.Keys(o.now), compareTopicPartitions) {
		list = append(list, o.now[tp].status())
	}
	return list, o.ready
}
