package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fault_logs_test.go: what brokers may do to a log in many partitions at once: records gone, compacted, topics made again, partitions added.

// newSceneOfTopics is a scene of n topics with one partition each.
func newSceneOfTopics(t testing.TB, n int) scene {
	t.Helper()
	return newScene(t, slices.Repeat([]int{1}, n)...)
}

// later shifts the records' timestamps: another life of a topic has other records.
func later(records []sent, by time.Duration) []sent {
	for i := range records {
		records[i].record.Timestamp = records[i].record.Timestamp.Add(by)
	}
	return records
}

// wantHalts fails the test unless exactly these topics' first partitions are halted, and say these words.
func (s scene) wantHalts(sum summary, words map[string][]string) {
	s.t.Helper()
	for _, p := range sum.Partitions {
		want, halts := words[partitionName(p.Topic, p.Partition)]
		if state := map[bool]string{true: "halted", false: "done"}[halts]; p.State != state {
			s.t.Errorf("%s is %s (%s), want %s", partitionName(p.Topic, p.Partition), p.State, p.HaltedReason, state)
		}
		for _, word := range want {
			if !strings.Contains(p.HaltedReason, word) {
				s.t.Errorf("%s: the reason does not say %q: %q", partitionName(p.Topic, p.Partition), word, p.HaltedReason)
			}
		}
	}
}

// TestFaultTopicMadeAgain holds: topics that were deleted and made again under their names, shorter or longer than before, halt; nothing of
// the new ones is stored, whatever the flags; a topic beside them goes on.
func TestFaultTopicMadeAgain(t *testing.T) {
	t.Parallel()
	n := cases(6, 50)
	s := newSceneOfTopics(t, n+1)
	dice := random(t)
	var records, again []sent
	for _, topic := range s.topics {
		records = append(records, recordsOf(t, topic, 1, madeRides(dice, 40), writeMixed)...)
	}
	s.publish(records)
	s.backfilled(0)

	made, beside := s.topics[:n], s.topics[n]
	s.makeAgain(1, made...)
	halts := map[string][]string{}
	for i, topic := range made {
		again = append(again, recordsOf(t, topic, 1, madeRides(dice, []int{7, 40, 90}[i%3]), writeMixed)...)
		halts[partitionName(topic, 0)] = []string{"made again"}
	}
	s.publish(again)
	more := recordsOf(t, beside, 1, madeRides(dice, 40), writeMixed)
	s.publish(more)
	records = append(records, more...)
	for _, flag := range []string{"--on-data-loss=halt", "--on-data-loss=skip"} {
		s.wantHalts(s.backfilled(1, flag), halts)
		s.checkStored(records)
	}
	s.checkCommits(s.connect(), false)
	caseDone(t, rowRecreated, n, 0)
}

// makeAgain deletes topics, all of the scene's if none is named, and makes them again under the same names. It returns when the broker knows the new
// ones: what it hears from the controller comes a moment later.
func (s scene) makeAgain(partitions int32, topics ...string) {
	s.t.Helper()
	if len(topics) == 0 {
		topics = s.topics
	}
	kafka := admin(s.t, s.brokers)
	deleted, err := kafka.DeleteTopics(s.t.Context(), topics...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		s.t.Fatalf("delete %v: %v", topics, err)
	}
	for _, topic := range topics {
		var made kadm.CreateTopicResponse
		eventually(s.t, time.Minute, topic+" to be made again", func() (_ bool, last string) {
			made, err = kafka.CreateTopic(s.t.Context(), partitions, 1, nil, topic)
			return err == nil, fmt.Sprint(err) // exists, until the deletion is through
		})
		eventually(s.t, time.Minute, "the broker to have heard of it", func() (bool, string) {
			known, err := kafka.ListTopics(s.t.Context(), topic)
			return err == nil && known[topic].ID == made.ID, fmt.Sprint(known, err)
		})
	}
	keepForever(s.t, s.brokers, topics...)
}

// TestFaultLogStart holds: partitions whose log starts behind their position by now halt with the lost range, another one goes on; with
// --on-data-loss=skip each goes on behind its range, which is counted as lost.
func TestFaultLogStart(t *testing.T) {
	t.Parallel()
	n := cases(6, 50)
	s := newScene(t, n+1)
	dice := random(t)
	first := recordsOf(t, s.topic(), n+1, madeRides(dice, 20*(n+1)), writeMixed)
	s.publish(first)
	s.backfilled(0)
	second := recordsOf(t, s.topic(), n+1, madeRides(dice, 60*(n+1)), writeMixed)
	s.publish(second)
	starts, lost, halts := kadm.Offsets{}, int64(0), map[string][]string{}
	start := make([]int64, n+1)
	for partition := range n { // the last one is left alone
		start[partition] = 20 + 1 + dice.Int64N(60) // up to the end itself
		starts.AddOffset(s.topic(), int32(partition), start[partition], -1)
		lost += start[partition] - 20
		halts[partitionName(s.topic(), int32(partition))] = []string{"20", fmt.Sprint(start[partition]), "--on-data-loss=skip"}
	}
	deleted, err := admin(t, s.brokers).DeleteRecords(t.Context(), starts)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatalf("delete records: %v", err)
	}
	halted, kept := slices.Clone(first), slices.Clone(first)
	for _, r := range second {
		if int(r.record.Partition) == n {
			halted = append(halted, r)
		}
		if r.record.Offset >= start[r.record.Partition] {
			kept = append(kept, r)
		}
	}
	s.wantHalts(s.backfilled(1), halts)
	s.checkStored(halted)
	began := time.Now()
	if sum := s.backfilled(0, "--on-data-loss=skip"); sum.Totals.Lost != lost {
		t.Errorf("%d offsets are counted as lost, want %d", sum.Totals.Lost, lost)
	}
	s.checkStored(kept)
	s.checkAtEnd(t)
	s.checkCommits(s.connect(), true)
	caseDone(t, rowLogStart, n, time.Since(began))
}

// TestFaultPartitionsAdded holds: partitions that are added to topics under a running sink are stored from their first record on.
func TestFaultPartitionsAdded(t *testing.T) {
	t.Parallel()
	topics := cases(4, 10)
	rounds := cases(1, 5)
	s := newSceneOfTopics(t, topics)
	dice, kafka, conn := random(t), admin(t, s.brokers), s.connect()
	p := s.run("--start=latest") // for the partitions that are there at the first start
	s.waitForMembers(1)
	s.waitForEnd(longWait)
	var records []sent
	for round := range rounds {
		for i, topic := range s.topics {
			partitions := 1 + 2*round + 1 + (i+round)%2
			if answers, err := kafka.UpdatePartitions(t.Context(), partitions, topic); err != nil || answers.Error() != nil {
				t.Fatalf("add partitions: %v", errors.Join(err, answers.Error()))
			}
			in := s
			in.topics = []string{topic}
			in.waitForPartitions(partitions)
			records = append(records, in.publishTo(partitions, madeRides(dice, 10*partitions))...)
		}
		began := time.Now()
		s.waitForEnd(longWait)
		s.checkCommits(conn, false)
		s.checkStored(records)
		caseDone(t, rowPartitionsAdded, topics, time.Since(began))
	}
	p.stop(t)
	s.checkStored(records)
	s.checkCommits(conn, true)
}

// publishTo publishes a record of each ride to the first topic's partitions in turn.
func (s scene) publishTo(partitions int, rides []ride) []sent {
	s.t.Helper()
	records := recordsOf(s.t, s.topic(), partitions, rides, writeMixed)
	s.publish(records)
	return records
}

// TestFaultCompaction holds: of compacted partitions, each with gaps up to its end, what is left is stored; gaps, aborted records and markers are
// counted as not-records, and positions get to the end.
func TestFaultCompaction(t *testing.T) {
	t.Parallel()
	n := cases(5, 100)
	s := newScene(t, n)
	alterTopics(t, s.brokers, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "200", "max.compaction.lag.ms": "200", "min.compaction.lag.ms": "0",
	}, s.topic())
	dice := random(t)
	client := newClient(t, s.brokers, kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.MaxProduceRequestsInflightPerBroker(1))
	var records []sent
	add := func(rides int) {
		more := recordsOf(t, s.topic(), n, madeRides(dice, rides), writeMixed)
		for i := range more {
			more[i].record.Timestamp = time.Now().Add(-time.Hour).Truncate(time.Millisecond)
			more[i].record.Key = fmt.Appendf(nil, "%d", dice.IntN(5))
		}
		publish(t, client, more)
		records = append(records, more...)
	}
	add(60 * n)
	eventually(t, 3*time.Minute, "the broker to compact every partition", func() (bool, string) {
		left := map[int32]int{}
		for at := range committed(t, s.brokers, s.topic()) {
			left[at.partition]++
		}
		sent := len(records) / n
		if sent < 80 {
			add(n) // a write rolls the segment
		}
		whole := 0
		for partition := range int32(n) {
			if left[partition] > sent-30 {
				whole++
			}
		}
		return whole == 0, fmt.Sprintf("%d of %d partitions are whole", whole, n)
	})
	// The end of each log is an aborted transaction: no record there is anybody's.
	aborting := transactional(t, s, "aborts")
	begin(t, aborting)
	publish(t, aborting, recordsOf(t, s.topic(), n, madeRides(dice, 3*n), writeTLC))
	end(t, aborting, kgo.TryAbort)
	s.settle()

	began := time.Now()
	sum := s.backfilled(0)
	took := time.Since(began)
	left, stored := committed(t, s.brokers, s.topic()), map[place]bool{} // the cleaner may have gone on: what is left now was there then
	for partition := range int32(n) {
		for _, offset := range value[[]int64](t, s.connect(), "SELECT coalesce(array_agg(kafka_offset), '{}') FROM rides WHERE kafka_partition = $1", partition) {
			stored[place{s.topic(), partition, offset}] = true
		}
	}
	var kept []sent
	for _, r := range records {
		if left[r.place()] != nil || stored[r.place()] {
			kept = append(kept, r)
		}
	}
	s.checkStored(kept)
	s.checkAtEnd(t)
	s.checkCommits(s.connect(), true)
	// Of each partition, three aborted records and a marker are no records either.
	if got, want := sum.Totals.NotRecords, int64(len(records)-len(kept)+4*n); got != want {
		t.Errorf("%d offsets are counted as not-records, want %d", got, want)
	}
	caseDone(t, rowCompaction, n, took)
}

// stop ends a sink in order.
func (p *process) stop(t testing.TB) {
	t.Helper()
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
}
