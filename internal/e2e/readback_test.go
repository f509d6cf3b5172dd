package e2e

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readback_test.go reads topics as another client does, read_committed: the second half of the oracle. log_test.go is the first.

// committed reads the topics from log start to last stable offset and returns the records that a read_committed consumer is given.
func committed(t testing.TB, brokers []string, topics ...string) map[place]*kgo.Record {
	t.Helper()
	found := map[place]*kgo.Record{}
	eachCommitted(t, brokers, func(r *kgo.Record) { found[place{r.Topic, r.Partition, r.Offset}] = r }, topics...)
	return found
}

// eachCommitted calls each with those records, in the order of each partition.
func eachCommitted(t testing.TB, brokers []string, each func(*kgo.Record), topics ...string) {
	t.Helper()
	ends := endOffsets(t, brokers, topics...)
	starts, err := admin(t, brokers).ListStartOffsets(t.Context(), topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		t.Fatalf("list the start offsets of %v: %v", topics, err)
	}
	assigned, open := map[string]map[int32]kgo.Offset{}, map[place]int64{}
	starts.Each(func(o kadm.ListedOffset) {
		at := place{topic: o.Topic, partition: o.Partition}
		if ends[at] <= o.Offset {
			return // empty
		}
		open[at] = ends[at]
		if assigned[o.Topic] == nil {
			assigned[o.Topic] = map[int32]kgo.Offset{}
		}
		assigned[o.Topic][o.Partition] = kgo.NewOffset().At(o.Offset)
	})
	if len(open) == 0 {
		return
	}
	// Control records are kept to see the end of a log that ends in one; they are not records of anybody's.
	consumer := newClient(t, brokers, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumePartitions(assigned))
	defer consumer.Close()
	for len(open) > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), longWait)
		fetches := consumer.PollFetches(ctx)
		err := errors.Join(ctx.Err(), fetches.Err0())
		cancel()
		if err != nil {
			t.Fatalf("read the topics back: %v; still open: %v", err, open)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{topic: r.Topic, partition: r.Partition}
			if r.Offset+1 >= ends[at] {
				delete(open, at)
			}
			if !r.Attrs.IsControl() && r.Offset < ends[at] {
				each(r)
			}
		})
	}
}

// checkLog fails the test unless the topics hold exactly the records that are said to have been sent, byte for byte.
func checkLog(t testing.TB, brokers []string, records []sent, topics ...string) {
	t.Helper()
	found := committed(t, brokers, topics...)
	for _, s := range records {
		got, ok := found[s.place()]
		switch {
		case !ok:
			t.Fatalf("%s was acknowledged and is not in the log", s.place())
		case !bytes.Equal(got.Value, s.record.Value), !bytes.Equal(got.Key, s.record.Key), (got.Value == nil) != (s.record.Value == nil):
			t.Fatalf("%s: the log holds another record than was acknowledged", s.place())
		}
		delete(found, s.place())
	}
	for at := range found {
		t.Fatalf("%s is in the log and was not acknowledged; %d such records", at, len(found))
	}
}
