package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
	"ridesink/schema"
)

// sink.go: New, Run and the loop over the generations of the consumer group. Each generation is served by one pipeline a partition.

// Sink moves records from Kafka to PostgreSQL. Run and Backfill may each be called once, not at the same time.
type Sink struct {
	cfg       Config
	log       *slog.Logger
	kafka     *servers.Kafka
	db        *pgxpool.Pool
	ledger    ledger
	writer    writer
	metrics   *metrics
	owned     owned
	known     known
	outages   outages
	turns     atomic.Pointer[turns] // of the running generation, or of the last one
	oversized *semaphore.Weighted   // one batch larger than its share at a time
	halted    bool                  // a partition was, at the end of the last generation
	points    *points
}

// New checks cfg and prepares a Sink; it dials nothing. Metrics are registered with reg. The caller closes the Sink.
func New(cfg Config, reg prometheus.Registerer) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	db, err := servers.OpenDatabase(context.Background(), cfg.DatabaseURL, cfg.Connections)
	if err != nil {
		return nil, err
	}
	brokers, err := servers.OpenKafka(cfg.kafka())
	if err != nil {
		db.Close()
		return nil, err
	}
	s := &Sink{
		cfg: cfg, log: cfg.Logger, kafka: brokers, db: db, ledger: ledger{db: db}, oversized: semaphore.NewWeighted(1),
		points: pointsOfBuild(),
	}
	s.writer = writer{db: db, copyRides: copyRides(), group: cfg.Group, points: s.points}
	s.metrics, err = newMetrics(reg, s)
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// closeTimeout bounds how long Close waits for PostgreSQL to say goodbye. pgx waits 15 s for the end of a connection that it gave up in the
// middle of a transaction, and a server that was cut off without a word never answers.
const closeTimeout = time.Second

// Close releases connections. It must not be called before Run or Backfill has returned.
func (s *Sink) Close() {
	s.kafka.Close()
	closed := make(chan struct{})
	go func() { // ends when pgx gives up on the last connection
		defer close(closed)
		s.db.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
}

// Run moves records until stop ends; then it drains, leaves the group and returns nil, or ErrHalted if a partition is halted then. What waiting
// can mend it waits for; a partition that cannot go on halts and the others go on. It returns an *EnvironmentError if a server is not as expected
// at the start, or a column of rides gets another type later; ErrNoCommittedOffset for a start that does not exist.
func (s *Sink) Run(stop context.Context) error {
	if err := s.prepare(stop); err != nil {
		return stoppedEarly(stop, err)
	}
	if err := s.generations(stop, nil); err != nil {
		return err
	}
	moved := s.owned.total()
	s.log.InfoContext(stop, "stopped", "inserted", moved.inserted, "dead_letters", moved.deadLettered, "tombstones", moved.tombstones)
	if s.halted {
		return ErrHalted
	}
	return nil
}

// generations serves one generation of the group after the other until stop ends or the backfill, if there is one, is done.
func (s *Sink) generations(stop context.Context, bf *backfill) error {
	member, err := join(s.cfg, s.cfg.kafka().Dial)
	if err != nil {
		return err
	}
	defer member.left()
	for {
		generation, err := member.next(stop, s.outage("kafka"))
		switch {
		case err != nil && stop.Err() != nil:
			return nil // a clean end
		case err != nil:
			return err
		}
		served := make(chan error, 1)
		// One function for each generation: when it returns, kafka-go ends the generation.
		generation.Start(func(ended context.Context) {
			defer member.leader.joined()
			err := s.serve(stop, ended, generation, member.leader, bf)
			if err != nil || stop.Err() != nil || bf.isDone() {
				member.leave(ended) // before kafka-go joins the next generation
			}
			served <- err
		})
		if err := <-served; err != nil {
			return err
		}
		if stop.Err() != nil || bf.isDone() {
			return nil
		}
	}
}

// serve moves the partitions of one generation until stop or the generation ends, the backfill is done, or new partitions must be shared out.
func (s *Sink) serve(stop, ended context.Context, generation *kafka.Generation, leader *leaderBalancer, bf *backfill) error {
	serving, end := context.WithCancel(stop)
	defer end()
	defer context.AfterFunc(ended, end)()
	work, abort := drainable(serving, s.cfg.DrainTimeout)
	defer abort(nil)

	assigned := assignments(generation)
	s.metrics.generations.Inc()
	s.log.InfoContext(stop, "assigned", "generation", generation.ID, "member", generation.MemberID, "partitions", len(assigned))
	topics, err := s.assign(serving, assigned)
	if err != nil {
		if serving.Err() != nil {
			return nil
		}
		return err
	}

	c := &committer{
		client: s.kafka.Client, generation: generation, interval: s.cfg.CommitInterval, log: s.log, points: s.points, failures: s.metrics.commitsFailed,
		pending: map[topicPartition]Position{},
	}
	pipelines := s.pipelines(assigned, topics, c, bf)
	defer s.owned.replace(nil, false)
	var committing sync.WaitGroup
	finished, finish := context.WithCancel(context.WithoutCancel(stop))
	committing.Go(func() { c.run(finished) })
	defer committing.Wait()
	defer finish()

	var serve errgroup.Group
	serve.Go(func() error { defer end(); return s.watch(serving, leader, topics) })
	if bf != nil {
		serve.Go(func() error { bf.wait(serving); end(); return nil })
	}
	for _, p := range pipelines {
		serve.Go(func() error { return p.run(serving, work) })
	}
	err = serve.Wait()
	s.halted = slices.ContainsFunc(pipelines, func(p *pipeline) bool { return p.state.isHalted() })
	if errors.Is(err, ErrDrainTimeout) {
		s.log.WarnContext(stop, "drain timed out; what was in flight is rolled back and read again by the next owner", "drain_timeout_seconds", s.cfg.DrainTimeout.Seconds())
		err = nil
	}
	s.log.InfoContext(stop, "revoked", "generation", generation.ID, "partitions", len(assigned))
	return err
}

// pipelines makes one pipeline for each assigned partition and shares the memory out among them.
func (s *Sink) pipelines(assigned []topicPartition, topics map[string]partlog.Topic, c *committer, bf *backfill) []*pipeline {
	states := make(map[topicPartition]*partitionState, len(assigned))
	pipelines := make([]*pipeline, 0, len(assigned))
	own, turns := shareOut(s.cfg.MemoryBytes, s.cfg.MaxBatchBytes, len(assigned), s.cfg.Connections)
	s.turns.Store(turns)
	connections := newQueue(make([]struct{}, s.cfg.Connections)...)
	for _, tp := range assigned {
		states[tp] = newPartitionState(tp)
		p := &pipeline{
			topicPartition: tp, sink: s, committer: c, log: s.log.With("topic", tp.topic, "partition", tp.partition),
			state: states[tp], decoder: schema.NewDecoder(), current: topics[tp.topic].ID, backfill: bf, end: bf.end(tp), highWatermark: bf.highWatermark(tp),
			breaker: breaker{limit: s.cfg.MaxDeadLetters}, own: newShare(own, own), turns: turns, rows: newRowsLimit(turns.rows),
			began: -1, connections: connections, pace: paceOf(len(assigned)),
		}
		pipelines = append(pipelines, p)
	}
	s.owned.replace(states, true)
	return pipelines
}

// drainable returns a context that outlives stop by timeout and then ends with ErrDrainTimeout.
func drainable(stop context.Context, timeout time.Duration) (context.Context, context.CancelCauseFunc) {
	work, abort := context.WithCancelCause(context.WithoutCancel(stop))
	var timer *time.Timer
	var mu sync.Mutex
	cancelAfter := context.AfterFunc(stop, func() {
		mu.Lock()
		defer mu.Unlock()
		timer = time.AfterFunc(timeout, func() { abort(ErrDrainTimeout) })
	})
	return work, func(cause error) {
		cancelAfter()
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
		abort(cause)
	}
}

// assignments lists a generation's partitions in order.
func assignments(generation *kafka.Generation) []topicPartition {
	var list []topicPartition
	for topic, partitions := range generation.Assignments {
		for _, p := range partitions {
			list = append(list, topicPartition{topic: topic, partition: int32(p.ID)})
		}
	}
	return list
}

// Ready returns nil if this member serves a generation, both servers answer it and none of its partitions is halted, else why not. It asks no
// server itself: what it knows is at most WatchInterval and a timeout old.
func (s *Sink) Ready() error {
	partitions, serving := s.owned.status()
	faults := []error{s.outages.err()}
	if !serving {
		faults = append(faults, errors.New("not a member of the consumer group yet, or between two generations"))
	}
	for _, p := range partitions {
		if p.HaltedReason != "" {
			faults = append(faults, fmt.Errorf("%s/%d is halted: %s", p.Topic, p.Partition, p.HaltedReason))
		}
	}
	return errors.Join(faults...)
}

// Status returns what this member knows of the partitions that it owns now, in order of topic and partition. It asks no server.
func (s *Sink) Status() []PartitionStatus {
	list, _ := s.owned.status()
	return list
}

// Outages returns the servers that this process is waiting for now, in order of their names; none while both answer. It asks no server.
func (s *Sink) Outages() []Outage { return s.outages.now() }
