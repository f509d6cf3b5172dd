package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// members_test.go: members of one group that die, freeze and come back; and backfills that several members finish together.

// TestMembersThatFail holds: of two members that share four partitions, one is killed or frozen inside COPY or between the compare-and-set
// and COMMIT, while the other is inside COPY; the other stores the rest, each ride once. If the frozen one is let go on afterwards, it stores nothing more, and both end with exit code 0.
func TestMembersThatFail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario  string
		where     func() *gate
		fail      func(p *process)
		continued bool
	}{
		{scenario: "killed inside COPY", where: insideCopy, fail: (*process).kill},
		{scenario: "killed before COMMIT", where: insideLedger, fail: (*process).kill},
		{scenario: "frozen inside COPY and never continued", where: insideCopy, fail: (*process).freeze},
		{scenario: "frozen before COMMIT and never continued", where: insideLedger, fail: (*process).freeze},
		{scenario: "frozen inside COPY and continued when all is stored", where: insideCopy, fail: (*process).freeze, continued: true},
		{scenario: "frozen before COMMIT and continued when all is stored", where: insideLedger, fail: (*process).freeze, continued: true},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 4)
			unlucky, lucky := test.where(), insideCopy()
			first := s.through(startRelay(t, s.url, unlucky, 0).url(s.url)).run()
			second := s.through(startRelay(t, s.url, lucky, 0).url(s.url)).run()
			s.waitForMembers(2)
			records := s.publishRides(40_000, 4, writeMixed)
			receive(t, 30*time.Second, "the first member to get where it fails", unlucky.reached)
			receive(t, 30*time.Second, "the second member to be inside COPY", lucky.reached)

			test.fail(first)
			lucky.open()
			s.waitForEnd(time.Minute)
			s.checkStored(records)
			if test.continued {
				unlucky.open()
				first.signal(syscall.SIGCONT)
				s.waitForMembers(2)
				first.signal(syscall.SIGTERM)
				first.wantExit(0, 15*time.Second)
			}
			second.signal(syscall.SIGTERM)
			second.wantExit(0, 15*time.Second)
			s.checkStored(records)
			s.checkCommits(s.connect(), true)
		})
	}
}

// TestTwoGroups holds: two groups that write to one database at once, which nobody should do, store each ride once all the same, and both end.
func TestTwoGroups(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	records := s.publishRides(30_000, 3, writeMixed)
	other := s
	other.group += "-other"
	processes := []*process{s.backfill(), other.backfill(), s.backfill()}
	for _, p := range processes {
		p.wantExit(0, time.Minute)
		summaryOf(t, p)
	}
	s.checkStored(records)
	s.checkAtEnd(t)
}

// TestBackfillAfterFrozenMember holds: a backfill that owned everything and froze inside COPY keeps nobody from finishing; continued
// afterwards it stores nothing more, finds everything done and exits 0 as well.
func TestBackfillAfterFrozenMember(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4)
	records := s.publishRides(40_000, 4, writeMixed)
	g := insideCopy()
	frozen := s.through(startRelay(t, s.url, g, 0).url(s.url)).backfill()
	receive(t, 30*time.Second, "the first member to be inside COPY", g.reached)
	frozen.freeze()

	if sum := s.backfilled(0); sum.ThisRun.Inserted != int64(len(records)) {
		t.Errorf("the second member says to have inserted %d rides of %d", sum.ThisRun.Inserted, len(records))
	}
	s.checkStored(records)
	s.checkAtEnd(t)

	g.open()
	frozen.signal(syscall.SIGCONT)
	frozen.wantExit(0, time.Minute)
	if sum := summaryOf(t, frozen); sum.ThisRun != (counts{}) {
		t.Errorf("the member that was frozen says to have written %+v", sum.ThisRun)
	}
	s.checkStored(records)
}

// waitForMembers waits until the group is stable, has n members, and each owns partitions that are in the ledger.
func (s scene) waitForMembers(n int) {
	s.t.Helper()
	kafka, conn := admin(s.t, s.brokers), s.connect()
	partitions := len(endOffsets(s.t, s.brokers, s.topics...))
	eventually(s.t, time.Minute, fmt.Sprintf("%d members that share the partitions", n), func() (bool, string) {
		described, err := kafka.DescribeGroups(s.t.Context(), s.group)
		if err != nil {
			return false, err.Error()
		}
		group, working := described[s.group], 0
		for _, member := range group.Members {
			if assigned, ok := member.Assigned.AsConsumer(); ok && len(assigned.Topics) > 0 {
				working++
			}
		}
		rows := len(s.ledger(conn))
		return group.State == "Stable" && len(group.Members) == n && working == n && rows == partitions,
			fmt.Sprintf("the group is %s, %d members, %d of them own partitions; %d of %d ledger rows", group.State, len(group.Members), working, rows, partitions)
	})
}

// waitForEnd waits until every position is at the end of the log as it is now.
func (s scene) waitForEnd(within time.Duration) {
	s.t.Helper()
	conn, ends := s.connect(), endOffsets(s.t, s.brokers, s.topics...)
	eventually(s.t, within, "every position to be at the end of the log", func() (bool, string) {
		behind := ""
		ledger := s.ledger(conn)
		for at, end := range ends {
			if row, ok := ledger[at]; !ok || row.next < end {
				behind += fmt.Sprintf("%s at %s of %d; ", partitionName(at.topic, at.partition), row, end)
			}
		}
		return behind == "", behind
	})
}

// TestMembersFinishTogether holds: whichever member owns which partition, all members of a backfill end with exit code 0, also those
// that own nothing, an empty partition, or one whose last records were all aborted.
func TestMembersFinishTogether(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario   string
		partitions []int // one topic each
		members    int
	}{
		{scenario: "two members of two topics with an empty partition and an aborted tail", partitions: []int{3, 2}, members: 2},
		{scenario: "two members of one topic with one partition", partitions: []int{1}, members: 2},
		{scenario: "three members of two topics", partitions: []int{4, 4}, members: 3},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, test.partitions...)
			var records []sent
			for i, topic := range s.topics {
				// The last partition of a topic that has several stays empty.
				filled := max(1, test.partitions[i]-1)
				client := transactional(t, s, topic)
				begin(t, client)
				some := recordsOf(t, topic, filled, madeRides(random(t), 3000), writeMixed)
				publish(t, client, some)
				end(t, client, kgo.TryCommit)
				begin(t, client)
				publish(t, client, recordsOf(t, topic, filled, madeRides(random(t), 200), writeMixed))
				end(t, client, kgo.TryAbort)
				client.Close()
				records = append(records, some...)
			}
			s.settle()
			checkLog(t, s.brokers, records, s.topics...)
			processes := make([]*process, test.members)
			for i := range processes {
				processes[i] = s.backfill()
			}
			var written counts
			for _, p := range processes {
				p.wantExit(0, time.Minute)
				written = written.plus(summaryOf(t, p).ThisRun)
			}
			if written.Inserted != int64(len(records)) {
				t.Errorf("together the members say to have inserted %d rides, %d were committed", written.Inserted, len(records))
			}
			s.checkStored(records)
			s.checkAtEnd(t)
			s.checkCommits(s.connect(), true)
		})
	}
}
