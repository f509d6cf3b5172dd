package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// soak_watch_test.go looks, once a second for as long as a soak lasts: positions only grow, Kafka is never told more than PostgreSQL holds, nothing
// halts; and how much memory and how many goroutines the member has that is never killed. Servers that are away are looked at later.

const watchEvery = time.Second

// sample is one look at the steady member.
type sample struct {
	partitions int   // that it owned then: each has goroutines and buffers
	resident   int64 // bytes
	goroutines int
}

// watcher looks. Its findings are read when it has ended.
type watcher struct {
	s      scene
	steady *process
	http   string // the steady member's address

	mu      sync.Mutex
	garbage map[place]map[int64]bool // guarded by mu: offsets that were set in Kafka by hand

	highest map[place]int64 // positions
	looks   int             // at positions
	samples []sample
}

// watch looks until stop ends.
func (w *watcher) watch(stop context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.s.brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop.Done():
			return nil
		case <-ticker.C:
		}
		w.sample()
		ctx, cancel := context.WithTimeout(stop, 2*time.Second)
		if fault := w.positions(ctx, kadm.NewClient(client)); fault != "" {
			w.s.t.Errorf("after %d looks: %s", w.looks, fault)
		}
		cancel()
	}
}

// set notes an offset that is committed to Kafka by hand, so that it is not taken for the sink's.
func (w *watcher) set(at place, offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.garbage[at] == nil {
		w.garbage[at] = map[int64]bool{}
	}
	w.garbage[at][offset] = true
}

func (w *watcher) byHand(at place, offset int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.garbage[at][offset]
}

// positions says what is wrong with the positions, if anything, and if the servers answer.
func (w *watcher) positions(ctx context.Context, kafka *kadm.Client) (fault string) {
	commits, err := kafka.FetchOffsets(ctx, w.s.group) // before the ledger is read: it can only be further by then
	if err == nil {
		err = commits.Error()
	}
	if err != nil {
		return ""
	}
	ledger, err := w.s.lookAtLedger(ctx)
	if err != nil {
		return ""
	}
	w.looks++
	for at, row := range ledger {
		name := partitionName(at.topic, at.partition)
		if before := w.highest[at]; row.next < before {
			fault += fmt.Sprintf("%s went back from %d to %d; ", name, before, row.next)
		}
		w.highest[at] = row.next
		if commit, ok := commits.Lookup(at.topic, at.partition); ok && commit.At > row.next && !w.byHand(at, commit.At) {
			fault += fmt.Sprintf("%s: Kafka was told %d, PostgreSQL holds %d; ", name, commit.At, row.next)
		}
		if row.halted != "" {
			fault += fmt.Sprintf("%s is halted: %s; ", name, row.halted)
		}
	}
	return fault
}

// lookAtLedger is ledger for a server that may be away.
func (s scene) lookAtLedger(ctx context.Context) (map[place]ledgerRow, error) {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT kafka_topic, kafka_partition, first_offset, next_offset, coalesce(halted_reason, '') FROM sink_ledger`)
	if err != nil {
		return nil, err
	}
	found := map[place]ledgerRow{}
	var at place
	var r ledgerRow
	_, err = pgx.ForEachRow(rows, []any{&at.topic, &at.partition, &r.first, &r.next, &r.halted}, func() error {
		found[at] = r
		return nil
	})
	return found, err
}

// sample looks at the steady member.
func (w *watcher) sample() {
	var kilobytes int64
	if _, err := fmt.Sscanf(w.steady.status("VmRSS"), "%d kB", &kilobytes); err != nil {
		return
	}
	status, body := get(w.s.t, w.http, "/metrics")
	if status != 200 {
		return
	}
	now := sample{resident: kilobytes << 10}
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "ridesink_position{") {
			now.partitions++
		}
		_, _ = fmt.Sscanf(line, "go_goroutines %d", &now.goroutines) // other lines do not match
	}
	if now.goroutines > 0 {
		w.samples = append(w.samples, now)
	}
}

// quarter is the samples of one quarter of the time, 0 to 3.
func (w *watcher) quarter(q int) []sample {
	return w.samples[len(w.samples)*q/4 : len(w.samples)*(q+1)/4]
}

// medians are those of some samples: partitions, mebibytes, goroutines.
func medians(samples []sample) (partitions, mebibytes, goroutines int) {
	if len(samples) == 0 {
		return 0, 0, 0
	}
	median := func(of func(sample) int) int {
		values := make([]int, 0, len(samples))
		for _, s := range samples {
			values = append(values, of(s))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return median(func(s sample) int { return s.partitions }),
		median(func(s sample) int { return int(s.resident >> 20) }),
		median(func(s sample) int { return s.goroutines })
}

// enoughSamples is how many of them make a median.
const enoughSamples = 10

// checkFlat fails the test if the steady member grew from the second quarter to the last, while it owned the same number of partitions.
func (w *watcher) checkFlat() {
	w.s.t.Helper()
	compared := 0
	for partitions := range 9 {
		owning := func(q int) []sample {
			return slices.DeleteFunc(slices.Clone(w.quarter(q)), func(s sample) bool { return s.partitions != partitions })
		}
		early, late := owning(1), owning(3)
		if len(early) < enoughSamples || len(late) < enoughSamples {
			continue
		}
		compared++
		_, memory, goroutines := medians(early)
		_, memoryNow, goroutinesNow := medians(late)
		w.s.t.Logf("with %d partitions: %d MiB in the second quarter, %d in the last; %d goroutines, %d", partitions, memory, memoryNow, goroutines, goroutinesNow)
		if memoryNow > memory+memory/5+16 {
			w.s.t.Errorf("the steady member's memory grew from %d to %d MiB", memory, memoryNow)
		}
		if goroutinesNow > goroutines+goroutines/10+4 {
			w.s.t.Errorf("the steady member's goroutines grew from %d to %d", goroutines, goroutinesNow)
		}
	}
	if compared == 0 {
		w.s.t.Errorf("the steady member never owned the same number of partitions for %d samples of the second and of the last quarter: soak for longer", enoughSamples)
	}
}
