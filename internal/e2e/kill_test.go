package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kill_test.go: kill -9 of the sink, at bytes and at moments chosen by seed, loses nothing and doubles nothing.

// TestKillNine holds, over ten lives ended by kill -9 in the middle and one more to the end: every ride stored once with its values,
// the sums close, and at no moment was Kafka told more than PostgreSQL holds.
func TestKillNine(t *testing.T) {
	t.Parallel()
	rounds := 1
	if full() {
		rounds = 10
	}
	for round := range rounds {
		t.Run(fmt.Sprintf("round %d", round+1), killTenTimes)
	}
}

func killTenTimes(t *testing.T) {
	const partitions, lives = 4, 10
	s := newScene(t, partitions)
	records := s.publishRides(300_000, partitions, writeMixed)
	conn, dice := s.connect(), random(t)
	for life := range lives {
		// More or less an even share of what is left: about 200 bytes a ride go to PostgreSQL.
		left := int64(len(records)) - s.countRides(conn)
		var g *gate
		var where string
		switch life % 3 {
		case 0:
			n := 1 + dice.Int64N(2*160*left/int64(lives-life+1))
			g, where = afterBytes(n), fmt.Sprintf("after %d bytes to PostgreSQL", n)
		case 1:
			n := dice.Int64N(8)
			g, where = beforeCommitReply(n), fmt.Sprintf("before the reply to COMMIT number %d", n+1)
		default:
			g, where = insideCopy(), "inside the first COPY"
		}
		s.dieAt(g, where)
		if life%4 != 0 { // each fourth time the next life waits for the dead member's session to end
			s.buryMembers()
		}
		s.checkCommits(conn, false)
		if s.t.Failed() {
			t.Fatalf("after life %d, killed %s", life+1, where)
		}
		t.Logf("life %d, killed %s: position %d", life+1, where, s.position(conn))
	}
	if rides := s.countRides(conn); rides == 0 || rides == int64(len(records)) {
		t.Fatalf("%d rides were stored by the killed lives: they were not killed in the middle", rides)
	}
	s.backfilled(0)
	checkLog(t, s.brokers, records, s.topic())
	s.checkStored(records)
	s.checkAtEnd(t)
	s.checkCommits(conn, true)
}

// dieAt starts a backfill through a relay and kills it where the gate stops its traffic. Its connections end with it.
func (s scene) dieAt(g *gate, where string) {
	s.t.Helper()
	relay := startRelay(s.t, s.url, g, 4<<20)
	defer relay.close()
	// A small budget makes many small transactions of it.
	p := s.through(relay.url(s.url)).backfill("--memory-bytes=4194304")
	receive(s.t, time.Minute, "the sink to get "+where, either(g.reached, p.exited))
	if !p.running() {
		s.t.Fatalf("the sink ended with exit code %d before it got %s: %s", p.code, where, tail(p.stderr.String()))
	}
	p.kill()
}

// buryMembers takes the dead out of the group at once, as the broker does when their sessions end.
func (s scene) buryMembers() {
	s.t.Helper()
	described, err := admin(s.t, s.brokers).DescribeGroups(s.t.Context(), s.group)
	if err != nil {
		s.t.Fatalf("describe the group: %v", err)
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = s.group
	for _, member := range described[s.group].Members {
		gone := kmsg.NewLeaveGroupRequestMember()
		gone.MemberID = member.MemberID
		leave.Members = append(leave.Members, gone)
	}
	if _, err := leave.RequestWith(s.t.Context(), newClient(s.t, s.brokers)); err != nil {
		s.t.Fatalf("take the dead members out of the group: %v", err)
	}
}

// either is closed or gets a value when one of the two is closed.
func either(a, b <-chan struct{}) <-chan struct{} {
	c := make(chan struct{}, 1)
	go func() { // b ends with the process at the latest
		select {
		case <-a:
		case <-b:
		}
		c <- struct{}{}
	}()
	return c
}

// TestKillWhileRunning holds the same for `sink run` killed at times chosen by seed, while records still come.
func TestKillWhileRunning(t *testing.T) {
	t.Parallel()
	const partitions = 3
	lives, each := 4, 6000
	if full() {
		lives = 60
	}
	s := newScene(t, partitions)
	conn, dice := s.connect(), random(t)
	var records []sent
	for range lives {
		p := s.run()
		records = append(records, s.publishRides(each, partitions, writeMixed)...)
		target := int64(len(records) - each + 1 + dice.IntN(each))
		eventually(t, time.Minute, "the sink to get on", func() (bool, string) {
			at := s.position(conn)
			return at >= target || !p.running(), fmt.Sprintf("position %d, target %d, running %t", at, target, p.running())
		})
		p.kill()
		s.buryMembers()
		s.checkCommits(conn, false)
	}
	s.backfilled(0)
	s.checkStored(records)
	s.checkAtEnd(t)
}
