package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// start_test.go: where a topic begins that PostgreSQL does not know yet, and that nothing but PostgreSQL decides once it does.

// TestStart holds: --start decides where a new topic begins, the ledger's first_offset says so, and what lies before is never stored.
func TestStart(t *testing.T) {
	t.Parallel()
	const partitions, rides = 2, 1000 // 500 a partition, a millisecond apart over both
	for _, test := range []struct {
		scenario string
		flag     string
		kept     func(s sent) bool
	}{
		{scenario: "earliest", flag: "earliest", kept: func(sent) bool { return true }},
		{scenario: "an offset", flag: "120", kept: func(s sent) bool { return s.record.Offset >= 120 }},
		{scenario: "an offset of zero", flag: "0", kept: func(sent) bool { return true }},
		{
			scenario: "a time", flag: epoch().Add(700 * time.Millisecond).Format(time.RFC3339Nano),
			kept: func(s sent) bool { return !s.record.Timestamp.Before(epoch().Add(700 * time.Millisecond)) },
		},
		{
			scenario: "a time in another zone", flag: epoch().Add(301 * time.Millisecond).In(time.FixedZone("", -4*3600)).Format(time.RFC3339Nano),
			kept: func(s sent) bool { return !s.record.Timestamp.Before(epoch().Add(301 * time.Millisecond)) },
		},
		{scenario: "a time later than every record", flag: "2031-01-01T00:00:00Z", kept: func(sent) bool { return false }},
		{scenario: "latest", flag: "latest", kept: func(sent) bool { return false }},
	} {
		t.Run("--start "+test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, partitions)
			records := s.publishRides(rides, partitions, writeTLC)
			var kept []sent
			for _, r := range records {
				if test.kept(r) {
					kept = append(kept, r)
				}
			}
			s.backfilled(0, "--start="+test.flag)
			s.checkStored(kept)
			s.checkAtEnd(t)
			// What comes later is stored, whatever --start says now.
			kept = append(kept, s.publishRides(100, partitions, writeSnake)...)
			s.backfilled(0, "--start=latest")
			s.checkStored(kept)
			s.checkAtEnd(t)
		})
	}
}

// TestStartLatestWhileRunning holds: `run --start latest` stores what comes after it has begun, and nothing from before, also when it was
// killed before it had stored anything.
func TestStartLatestWhileRunning(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.publishRides(100, 2, writeTLC)
	p := s.run("--start=latest")
	s.waitForMembers(1)
	p.kill()
	kept := s.publishRides(100, 2, writeSnake)
	p = s.run("--start=latest")
	s.waitForEnd(time.Minute)
	kept = append(kept, s.publishRides(100, 2, writeJava)...)
	s.waitForEnd(time.Minute)
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	s.checkStored(kept)
}

// TestStartCommitted holds: `--start committed` begins a new topic where the group's offsets in Kafka say.
func TestStartCommitted(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(200, 2, writeTLC)
	s.commitToKafka(map[int32]int64{0: 40, 1: 90})
	var kept []sent
	for _, r := range records {
		if r.record.Offset >= map[int32]int64{0: 40, 1: 90}[r.record.Partition] {
			kept = append(kept, r)
		}
	}
	s.backfilled(0, "--start=committed")
	s.checkStored(kept)
	s.checkAtEnd(t)
}

// commitToKafka sets the group's offsets of the first topic by hand, as kafka-consumer-groups.sh would.
func (s scene) commitToKafka(at map[int32]int64) {
	s.t.Helper()
	offsets := kadm.Offsets{}
	for partition, offset := range at {
		offsets.AddOffset(s.topic(), partition, offset, -1)
	}
	committed, err := admin(s.t, s.brokers).CommitOffsets(s.t.Context(), s.group, offsets)
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		s.t.Fatalf("commit offsets by hand: %v", err)
	}
}

// TestCommitOfFinishedPartitions holds: a partition that is at its end already, but of which Kafka knows less, as after a kill between
// COMMIT and the commit to Kafka, is told to Kafka too by the next backfill that owns it.
func TestCommitOfFinishedPartitions(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	records := s.publishRides(300, 3, writeMixed)
	s.backfilled(0)
	s.commitToKafka(map[int32]int64{0: 50, 1: 60, 2: 70})
	records = append(records, s.publishRides(10, 1, writeMixed)...) // to partition 0 only
	s.backfilled(0)
	s.checkStored(records)
	s.checkCommits(s.connect(), true)
}

// TestDatabaseSetBack holds: with the tables emptied behind its back, as after a restore of an older backup, the sink stores everything
// again although Kafka's commits are at the end.
func TestDatabaseSetBack(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(500, 2, writeMixed)
	s.backfilled(0)
	if _, err := s.connect().Exec(t.Context(), "TRUNCATE rides, sink_ledger, sink_dead_letters"); err != nil {
		t.Fatal(err)
	}
	sum := s.backfilled(0)
	if got := fmt.Sprint(sum.ThisRun.Inserted); got != "500" {
		t.Errorf("%s rides were stored again, want 500", got)
	}
	s.checkStored(records)
}
