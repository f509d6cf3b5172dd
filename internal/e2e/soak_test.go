package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"

	"ridesink/internal/localenv"
)

// soak_test.go: three members for as long as one likes, under all faults at once, by seed. soak_traffic_test.go sends, soak_faults_test.go breaks,
// soak_watch_test.go looks on, soak_oracle_test.go compares in the end.

// rowSoak is a row of the faults' table that only a soak fills.
const rowSoak faultRow = "everything at once under three members, a soak"

// TestSoak holds: while two producers send at a steady rate and members and servers suffer faults, positions only grow, Kafka is never told more than
// PostgreSQL holds, nothing halts, and the member that is never killed keeps its memory and its goroutines; afterwards every record that
// the log holds is stored once, as it should be, and sink verify proves it.
func TestSoak(t *testing.T) {
	lasts := soakFor(t, os.Getenv("TEST_SOAK"))
	k := newSoak(t)
	stop, end := context.WithCancel(t.Context())
	defer end()
	var sending, watching errgroup.Group
	sending.Go(func() error { return k.traffic.plain(stop) })
	sending.Go(func() error { return k.traffic.transactional(stop) })
	k.begun()
	looking, endLooking := context.WithCancel(t.Context())
	defer endLooking()
	watching.Go(func() error { return k.watcher.watch(looking) })

	began := time.Now()
	k.mayGrow = func() bool { return time.Since(began) < lasts/5 }
	k.breakThings(t.Context(), began.Add(lasts))
	end()
	if err := sending.Wait(); err != nil {
		t.Fatalf("produce: %v", err)
	}
	k.settle()
	k.slowest = max(k.slowest, k.caughtUp())
	endLooking()
	if err := watching.Wait(); err != nil {
		t.Fatalf("look on: %v", err)
	}
	for _, p := range k.members() {
		p.signal(syscall.SIGTERM)
	}
	for _, p := range k.members() {
		p.wantExit(0, stopBound)
	}
	t.Log(k.table(time.Since(began)))
	k.watcher.checkFlat()
	log := k.checkSoakLog(k.traffic)
	k.checkSoakStored(k.traffic, log)
	k.checkAtEnd(t)
	k.checkCommits(k.connect(), true)
	verify := k.start("verify")
	verify.wantExit(0, 10*time.Minute)
	t.Logf("sink verify: %s", tail(verify.stdout.String()))
	faults := 0
	for _, n := range k.played {
		faults += n
	}
	caseDone(t, rowSoak, faults, k.slowest)
}

// newSoak starts servers of its own, three members and nothing else.
func newSoak(t *testing.T) *soak {
	t.Helper()
	const partitions = 4
	postgres, err := localenv.StartPostgres(t.Context(), localenv.PostgresOptions{})
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := postgres.Stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	kafka, err := localenv.StartKafka(t.Context(), localenv.KafkaOptions{})
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		if err := kafka.Stop(); err != nil {
			t.Errorf("stop Kafka: %v", err)
		}
	})
	s := scene{t: t, brokers: kafka.Brokers(), topics: []string{"soak"}, group: "soak", url: withSchema(t, postgres.URL(), "soak")}
	if _, err := kadm.NewClient(newClient(t, s.brokers)).CreateTopic(t.Context(), partitions, -1, nil, s.topic()); err != nil {
		t.Fatalf("create the topic: %v", err)
	}
	s.waitForPartitions(partitions)
	keepForever(t, s.brokers, s.topic())
	s.start("migrate", "up").wantExit(0, 30*time.Second)

	dice := random(t)
	k := &soak{scene: s, postgres: postgres, kafka: kafka, relay: startRelay(t, s.url, nil, 0), dice: dice, played: map[string]int{}}
	k.traffic = &traffic{t: t, brokers: s.brokers, topic: s.topic(), seed: dice.Uint64(), unsettled: map[uint32]bool{}, aborted: map[uint32]bool{}}
	k.traffic.partitions.Store(partitions)
	address := closedPort(t)
	k.steady = k.member("--http-addr=" + address)
	for i := range k.others {
		k.others[i] = k.member()
	}
	k.watcher = &watcher{s: s, steady: k.steady, http: address, garbage: map[place]map[int64]bool{}, highest: map[place]int64{}}
	return k
}

// breakThings plays faults until it is time. After two of three it waits until all is caught up, the third meets the next one.
func (k *soak) breakThings(ctx context.Context, until time.Time) {
	k.t.Helper()
	began, report := time.Now(), time.Now()
	for time.Now().Before(until) {
		f := k.draw()
		f.play(ctx)
		k.played[f.kind]++
		if k.dice.IntN(3) > 0 {
			k.slowest = max(k.slowest, k.caughtUp())
		}
		k.allRunning()
		if time.Since(report) > time.Minute {
			report = time.Now()
			k.t.Logf("after %s: %d records, last fault: %s", time.Since(began).Round(time.Second), k.traffic.next.Load(), f.kind)
		}
		pause(ctx, time.Duration(k.dice.IntN(4000))*time.Millisecond)
	}
}

// table is what happened, for people.
func (k *soak) table(took time.Duration) string {
	var b strings.Builder
	all := 0
	for _, n := range k.played {
		all += n
	}
	fmt.Fprintf(&b, "%.1f minutes, %d partitions at the end, %d faults, slowest to catch up after one: %.1f s, %d looks at positions\n",
		took.Minutes(), k.traffic.partitions.Load(), all, k.slowest.Seconds(), k.watcher.looks)
	for _, kind := range slices.Sorted(maps.Keys(k.played)) {
		fmt.Fprintf(&b, "  %4d  %s\n", k.played[kind], kind)
	}
	fmt.Fprintf(&b, "  %d records sent, %d of them in transactions that were aborted, %d of which nobody knows the end\n",
		k.traffic.next.Load(), len(k.traffic.aborted), len(k.traffic.unsettled))
	fmt.Fprint(&b, "  the member that is never killed, medians of each quarter:")
	for q := range 4 {
		partitions, mebibytes, goroutines := medians(k.watcher.quarter(q))
		fmt.Fprintf(&b, " %d MiB and %d goroutines with %d partitions;", mebibytes, goroutines, partitions)
	}
	return b.String()
}
