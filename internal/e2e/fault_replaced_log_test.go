package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"ridesink/internal/localenv"
)

// fault_replaced_log_test.go: logs that are not the ones that were read, although topic, and maybe even offsets, look the same.

// TestFaultLogReplaced holds: on a broker that was killed, logs lose their last batches, or all of what they had, and grow again, up to below the position or
// beyond it. The topic keeps its id. Each such partition halts, nothing of its new records is stored, and a partition beside them goes on.
func TestFaultLogReplaced(t *testing.T) {
	t.Parallel()
	n := cases(8, 40)
	s := newScene(t, 1) // for its schema
	kafka, err := localenv.StartKafka(t.Context(), localenv.KafkaOptions{})
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		if err := kafka.Stop(); err != nil {
			t.Errorf("stop Kafka: %v", err)
		}
	})
	s.brokers = kafka.Brokers()
	if _, err := kadm.NewClient(newClient(t, s.brokers)).CreateTopic(t.Context(), int32(n+1), 1, nil, s.topic()); err != nil {
		t.Fatalf("create the topic: %v", err)
	}
	s.waitForPartitions(n + 1)
	keepForever(t, s.brokers, s.topic())
	dice := random(t)
	var records []sent
	for range 6 { // batches of each
		records = append(records, s.publishTo(n+1, madeRides(dice, 10*(n+1)))...)
	}
	s.backfilled(0)

	kafka.Kill(0)
	left := make([]int64, n) // records
	for partition := range n {
		dir := filepath.Join(kafka.Dir(), "node-1", "data", fmt.Sprintf("%s-%d", s.topic(), partition))
		if partition%4 < 2 {
			left[partition], err = truncateLog(dir, 1+dice.IntN(5))
		} else {
			err = os.RemoveAll(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := kafka.Start(t.Context(), 0); err != nil {
		t.Fatalf("start Kafka again: %v", err)
	}
	s.waitForPartitions(n + 1)
	halts := map[string][]string{}
	var grown []sent
	for partition := range n {
		rides, word := 100, "another record" // beyond the position, which is 60
		if partition%2 == 1 {
			rides, word = 5, "beyond the end" // behind as much as was left
		}
		grown = append(grown, toPartition(recordsOf(t, s.topic(), 1, madeRides(dice, rides), writeMixed), partition)...)
		halts[partitionName(s.topic(), int32(partition))] = []string{word}
	}
	s.publish(later(grown, time.Hour))
	for _, r := range grown {
		if want := left[r.record.Partition]; r.record.Offset < want {
			t.Fatalf("%s was written below %d: the broker lost more than it was made to", r.place(), want)
		}
	}
	beside := toPartition(recordsOf(t, s.topic(), 1, madeRides(dice, 40), writeMixed), n)
	s.publish(beside)
	records = append(records, beside...)
	s.nextGroup(1)
	for _, flag := range []string{"--on-data-loss=halt", "--on-data-loss=skip"} {
		s.wantHalts(s.backfilled(1, flag), halts)
		s.checkStored(records)
	}
	s.checkCommits(s.connect(), false)
	caseDone(t, rowTruncated, n, 0)
}

// toPartition sends records to another partition.
func toPartition(records []sent, partition int) []sent {
	for i := range records {
		records[i].record.Partition = int32(partition)
	}
	return records
}

// nextGroup changes the group: a broker that was killed may not know the members of the old one any more.
func (s *scene) nextGroup(life int) { s.group = fmt.Sprintf("%s-%d", s.group, life) }

// truncateLog leaves so many batches of a partition's only segment, on a broker that is down, and returns where the log ends by then.
func truncateLog(dir string, batches int) (next int64, err error) {
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) != 1 {
		return 0, fmt.Errorf("%s: %d segments, want one: %w", dir, len(logs), err)
	}
	content, err := os.ReadFile(logs[0])
	if err != nil {
		return 0, err
	}
	end := 0
	for i := range batches {
		const lastOffsetDelta, header = 23, 61
		if len(content) < end+header {
			return 0, fmt.Errorf("%s: only %d batches", logs[0], i)
		}
		batch := content[end:]
		next = int64(binary.BigEndian.Uint64(batch)) + int64(binary.BigEndian.Uint32(batch[lastOffsetDelta:])) + 1
		end += 12 + int(binary.BigEndian.Uint32(batch[8:])) // first offset, length, and what follows
	}
	err = os.Truncate(logs[0], int64(end))
	for _, derived := range []string{"*.*index", "*.snapshot"} { // Kafka makes them anew
		paths, globErr := filepath.Glob(filepath.Join(dir, derived))
		err = errors.Join(err, globErr)
		for _, path := range paths {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return next, err
}

// TestFaultNoTopicIDs holds: on brokers that have no topic ids, a topic that was deleted and made again halts too, longer or shorter than before; one that
// is as it was goes on.
func TestFaultNoTopicIDs(t *testing.T) {
	t.Parallel()
	n := cases(4, 10)
	s := newScene(t, 1)
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.Metadata.Int16(), 9)
	fake, err := localenv.StartFakeKafka(localenv.FakeOptions{Options: []kfake.Opt{kfake.MaxVersions(versions), kfake.DefaultNumPartitions(1)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fake.Stop(); err != nil {
			t.Errorf("stop the embedded Kafka: %v", err)
		}
	})
	s.brokers = fake.Brokers()
	s.topics = nil
	for i := range n + 1 {
		s.topics = append(s.topics, fmt.Sprint("rides-", i))
	}
	kafka := admin(t, s.brokers)
	create := func(topics ...string) {
		if answers, err := kafka.CreateTopics(t.Context(), 1, 1, nil, topics...); err != nil || answers.Error() != nil {
			t.Fatalf("create topics: %v", errors.Join(err, answers.Error()))
		}
	}
	create(s.topics...)
	dice := random(t)
	var records, again []sent
	for _, topic := range s.topics {
		records = append(records, recordsOf(t, topic, 1, madeRides(dice, 40), writeMixed)...)
	}
	s.publish(records)
	s.backfilled(0)
	if known := value[int](t, s.connect(), "SELECT count(topic_id)::int FROM sink_ledger"); known != 0 {
		t.Fatalf("the ledger has %d topic ids of brokers that give none", known)
	}

	made, beside := s.topics[:n], s.topics[n]
	deleted, err := kafka.DeleteTopics(t.Context(), made...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatalf("delete the topics: %v", err)
	}
	create(made...)
	halts := map[string][]string{}
	for i, topic := range made {
		rides, word := 100, "another record"
		if i%2 == 1 {
			rides, word = 10, "beyond the end"
		}
		again = append(again, recordsOf(t, topic, 1, madeRides(dice, rides), writeMixed)...)
		halts[partitionName(topic, 0)] = []string{word}
	}
	s.publish(later(again, time.Hour))
	more := recordsOf(t, beside, 1, madeRides(dice, 40), writeMixed)
	s.publish(more)
	records = append(records, more...)
	for _, flag := range []string{"--on-data-loss=halt", "--on-data-loss=skip"} {
		s.wantHalts(s.backfilled(1, flag), halts)
		s.checkStored(records)
	}
	caseDone(t, rowTruncated, n, 0)
}
