package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// churn_test.go: everything at once, by seed: members that come, die, freeze and wake, connections that are cut, offsets set by hand.

// TestFaultChurn holds: while a transactional producer commits and aborts and members of one group suffer faults chosen by seed, Kafka is never
// told more than PostgreSQL holds; afterwards every committed record is there once, and the sums close.
func TestFaultChurn(t *testing.T) {
	t.Parallel()
	const each = 100
	for first, n := 0, cases(30, 1000); first < n; first += each {
		t.Run(fmt.Sprintf("faults from %d", first+1), func(t *testing.T) {
			t.Parallel()
			churn(t, min(each, n-first))
		})
	}
}

func churn(t *testing.T, faults int) {
	const partitions = 4
	s := newScene(t, partitions)
	conn, dice := s.connect(), random(t)
	relay := startRelay(t, s.url, nil, 0)
	through := s.through(relay.url(s.url))
	producer := transactional(t, s, "churn")
	rides := madeRides(dice, 400*faults)
	var records []sent
	var members, frozen []*process
	pick := func(from []*process) int { return dice.IntN(len(from)) }
	without := func(from []*process, i int) []*process {
		return append(append([]*process{}, from[:i]...), from[i+1:]...)
	}
	for fault := range faults {
		batch := recordsOf(t, s.topic(), partitions, rides[400*fault:400*(fault+1)], writeMixed)
		begin(t, producer)
		publish(t, producer, batch)
		if dice.IntN(3) == 0 {
			end(t, producer, kgo.TryAbort)
		} else {
			end(t, producer, kgo.TryCommit)
			records = append(records, batch...)
		}
		what := ""
		switch roll := dice.IntN(8); {
		case len(members) < 2 || roll <= 1 && len(members)+len(frozen) < 5:
			what, members = "a member comes", append(members, through.run())
		case roll == 2:
			i := pick(members)
			members[i].kill()
			what, members = "a member is killed", without(members, i)
		case roll == 3 && began(members):
			i := pick(members)
			members[i].signal(syscall.SIGTERM)
			members[i].wantExit(0, stopBound)
			what, members = "a member is stopped", without(members, i)
		case roll == 4 && began(members):
			i := pick(members)
			members[i].freeze()
			what, members, frozen = "a member freezes", without(members, i), append(frozen, members[i])
		case roll == 5 && len(frozen) > 0:
			i := pick(frozen)
			frozen[i].signal(syscall.SIGCONT)
			what, members, frozen = "a member wakes", append(members, frozen[i]), without(frozen, i)
		case roll == 6 && began(members):
			relay.cut()
			what = "every connection to PostgreSQL is cut"
		default:
			what = "nothing happens"
		}
		t.Logf("%s: %d members, %d frozen, position %d", what, len(members), len(frozen), s.position(conn))
		for _, p := range members {
			if !p.running() {
				t.Fatalf("a member ended by itself, with exit code %d", p.code)
			}
		}
		s.checkCommits(conn, false)
		// The next fault comes after some progress, or after a while without.
		s.letPass(conn, dice.Int64N(400), time.Duration(dice.IntN(1500))*time.Millisecond)
	}
	s.settle()
	for _, p := range append(members, frozen...) {
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGTERM)
	}
	for _, p := range append(members, frozen...) {
		p.wait(2 * stopBound)
	}
	s.backfilled(0)
	checkLog(t, s.brokers, records, s.topics...)
	s.checkStored(records)
	s.checkAtEnd(t)
	s.checkCommits(conn, true)
	caseDone(t, rowChurn, faults, 0)
}

// began says whether every member has had partitions, or at least a place in the group: before that, a database that is away, or that a
// member frozen for longer than its network timeout takes to be away, is the environment's fault, and the member ends.
func began(members []*process) bool {
	for _, p := range members {
		if !p.logged("assigned") {
			return false
		}
	}
	return true
}

// letPass returns when positions have moved by so many offsets, or after so long.
func (s scene) letPass(conn *pgx.Conn, offsets int64, atMost time.Duration) {
	s.t.Helper()
	from, deadline := s.position(conn), time.Now().Add(atMost)
	eventually(s.t, time.Minute, "progress, or time to pass", func() (bool, string) {
		at := s.position(conn)
		return at >= from+offsets || time.Now().After(deadline), fmt.Sprint(at)
	})
}
