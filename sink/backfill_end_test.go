package sink

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// backfill_end_test.go: where a backfill ends, and that its sums are counted.

// A backfill ends where readers of committed records end, not where a transaction that is still open ends.
func TestABackfillEndsAtTheLastStableOffset(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	open, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...), kgo.DefaultProduceTopic(f.topic), kgo.TransactionalID(f.topic))
	if err != nil {
		t.Fatal(err)
	}
	defer open.CloseAllowingRebalance()
	if err := open.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, value := range rides(10, 5) {
		if err := open.ProduceSync(t.Context(), &kgo.Record{Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	sum, err := f.sink(f.config()).Backfill(ctx, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, f.log)
	}
	if p := sum.Partitions[0]; p.State != StateDone || p.EndOffset != 10 || p.NotReadableYet != 5 || p.Inserted != 10 {
		t.Errorf("with 5 records in an open transaction behind 10 the summary is %+v", p)
	}
	if err := open.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// A backfill's end is taken once: what comes while it runs is not waited for.
func TestABackfillsEndIsTakenOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	s := f.sink(f.config())
	var once sync.Once
	s.writer.points = &points{at: func(point) { once.Do(func() { f.send(0, rides(10, 10)...) }) }}
	sum, err := s.Backfill(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := sum.Partitions[0]; p.EndOffset != 10 || p.State != StateDone || p.NextOffset != 10 {
		t.Errorf("with 10 records at the beginning and 10 that came later the summary is %+v", p)
	}
}

// Sums are counted where records are read. A ledger whose sums do not close is an error, not something to be made up for.
func TestSumsThatDoNotCloseAreAnError(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, append(rides(0, 10), nil)...)
	f.backfill(f.config())
	f.exec("UPDATE sink_ledger SET inserted = inserted - 3")
	if sum, err := f.sink(f.config()).Backfill(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the sums do not close") {
		t.Errorf("Backfill = %+v, %v, want an error that says that the sums do not close", sum, err)
	}
}
