package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// topic_lives_test.go: what can become of a topic between two backfills: made again, compacted, deleted.

// TestTopicMadeAgain holds: a topic that was deleted and made again under its name, shorter or longer than before, halts every partition
// that was read of the old one; nothing of the new one is stored, and no flag accepts it.
func TestTopicMadeAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		rides    int
	}{
		{"shorter", 100},
		{"longer", 2000},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			records := s.publishRides(600, 2, writeMixed)
			s.backfilled(0)
			s.makeAgain(2)
			s.publishRides(test.rides, 2, writeMixed)
			for _, flag := range []string{"--on-data-loss=halt", "--on-data-loss=skip"} {
				sum := s.backfilled(1, flag)
				for partition := range int32(2) {
					if p := sum.of(t, s.topic(), partition); p.State != "halted" || !strings.Contains(p.HaltedReason, "made again") {
						t.Errorf("%s: partition %d is %s: %q", flag, partition, p.State, p.HaltedReason)
					}
				}
				s.checkStored(records)
			}
		})
	}
}

// makeAgain deletes the scene's topic and creates it under the same name.
func (s scene) makeAgain(partitions int32) {
	s.t.Helper()
	kafka := admin(s.t, s.brokers)
	deleted, err := kafka.DeleteTopics(s.t.Context(), s.topic())
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		s.t.Fatalf("delete %s: %v", s.topic(), err)
	}
	eventually(s.t, 30*time.Second, "the topic to be made again", func() (bool, string) {
		_, err := kafka.CreateTopic(s.t.Context(), partitions, 1, nil, s.topic())
		return err == nil, fmt.Sprint(err) // exists, until the deletion is through
	})
	keepForever(s.t, s.brokers, s.topic())
}

// TestCompactedTopic holds: of a compacted topic what is left is stored, and the gaps are counted as not-records.
func TestCompactedTopic(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	alterTopics(t, s.brokers, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "200", "max.compaction.lag.ms": "200", "min.compaction.lag.ms": "0",
	}, s.topic())
	// Compressed batches whose last records are gone are where other readers turn in circles.
	client := newClient(t, s.brokers, kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.MaxProduceRequestsInflightPerBroker(1))
	rides := madeRides(random(t), 3000)
	var records []sent
	add := func(n int) {
		more := recordsOf(t, s.topic(), 1, rides[len(records):len(records)+n], writeTLC)
		for i := range more {
			more[i].record.Timestamp = time.Now().Add(-time.Hour).Truncate(time.Millisecond)
			more[i].record.Key = fmt.Appendf(nil, "%d", (len(records)+i)%37)
		}
		publish(t, client, more)
		records = append(records, more...)
	}
	add(2000)
	left := map[place]*kgo.Record{}
	eventually(t, 90*time.Second, "the broker to compact the log", func() (bool, string) {
		if len(records) < 2900 {
			add(1) // a write rolls the segment
		}
		if left = committed(t, s.brokers, s.topic()); len(left) > 1500 {
			return false, fmt.Sprintf("%d of %d records are left", len(left), len(records))
		}
		return true, ""
	})
	sum := s.backfilled(0)
	left = committed(t, s.brokers, s.topic()) // the cleaner may have gone on: what is left now was there then
	var kept []sent
	stored := s.storedOffsets()
	for _, r := range records {
		if left[r.place()] != nil || stored[r.record.Offset] {
			kept = append(kept, r)
		}
	}
	s.checkStored(kept)
	s.checkAtEnd(t)
	if got, want := sum.Totals.NotRecords, int64(len(records)-len(kept)); got != want {
		t.Errorf("%d offsets are counted as not-records, want %d", got, want)
	}
}

// storedOffsets are the offsets of all rides in the scene, which has one partition.
func (s scene) storedOffsets() map[int64]bool {
	s.t.Helper()
	offsets := map[int64]bool{}
	for _, offset := range value[[]int64](s.t, s.connect(), "SELECT coalesce(array_agg(kafka_offset), '{}') FROM rides") {
		offsets[offset] = true
	}
	return offsets
}
