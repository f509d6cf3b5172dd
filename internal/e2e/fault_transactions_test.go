package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fault_transactions_test.go: transactions under a running sink, one after the other and into each other.

// TestFaultTransactions holds: while a transaction is open, positions wait at its first record, whatever others write behind it; once it has
// ended they get past it, and what was committed is stored, and nothing that was aborted.
func TestFaultTransactions(t *testing.T) {
	t.Parallel()
	const perScene = 100
	all := cases(40, 500)
	for from := 0; from < all; from += perScene {
		t.Run(fmt.Sprint("cases from ", from), func(t *testing.T) {
			t.Parallel()
			playTransactions(t, min(perScene, all-from))
		})
	}
}

// playTransactions plays n transactions, up to three of them open at once.
func playTransactions(t *testing.T, n int) {
	const partitions = 2
	s := newScene(t, partitions)
	dice, conn, plain := random(t), s.connect(), newClient(t, s.brokers)
	producers := []*kgo.Client{transactional(t, s, "a"), transactional(t, s, "b"), transactional(t, s, "c")}
	p := s.run()
	var kept []sent
	rides := func() []sent {
		return recordsOf(t, s.topic(), partitions, madeRides(dice, partitions*(1+dice.IntN(6))), writeMixed)
	}
	var slowest time.Duration
	for played := 0; played < n; {
		open := producers[:min(1+dice.IntN(len(producers)), n-played)]
		firstOpen, pending := map[int32]int64{}, make([][]sent, len(open))
		for _, client := range open {
			begin(t, client)
		}
		for range 1 + dice.IntN(3) { // parts of each, one behind the other
			for i, client := range open {
				mine := rides()
				publish(t, client, mine)
				for _, r := range mine {
					if _, ok := firstOpen[r.record.Partition]; !ok {
						firstOpen[r.record.Partition] = r.record.Offset
					}
				}
				pending[i] = append(pending[i], mine...)
				others := rides()
				publish(t, plain, others)
				kept = append(kept, others...)
			}
		}
		s.waitAt(conn, firstOpen) // all that is before an open transaction, nothing of it or behind it
		for i, client := range open {
			if dice.IntN(2) == 0 {
				end(t, client, kgo.TryAbort)
				continue
			}
			end(t, client, kgo.TryCommit)
			kept = append(kept, pending[i]...)
		}
		began := time.Now()
		s.settle()
		s.waitForPositions(conn, endOffsets(t, s.brokers, s.topics...))
		slowest = max(slowest, time.Since(began))
		s.checkCommits(conn, false)
		if got := s.countRides(conn); got != int64(len(kept)) {
			t.Fatalf("after %d transactions %d rides are stored, %d were committed", played+len(open), got, len(kept))
		}
		played += len(open)
	}
	p.stop(t)
	checkLog(t, s.brokers, kept, s.topics...)
	s.checkStored(kept)
	s.checkAtEnd(t)
	s.checkCommits(conn, true)
	caseDone(t, rowTransactions, n, slowest)
}

// waitAt waits until the positions of the first topic are at these offsets, and fails the test if one is beyond.
func (s scene) waitAt(conn *pgx.Conn, want map[int32]int64) {
	s.t.Helper()
	eventually(s.t, longWait, "positions to get to the open transaction", func() (bool, string) {
		ledger, reached := s.ledger(conn), true
		for partition, offset := range want {
			row := ledger[place{topic: s.topic(), partition: partition}]
			if row.next > offset {
				s.t.Fatalf("%s: at %d, beyond the open transaction's first record at %d", partitionName(s.topic(), partition), row.next, offset)
			}
			reached = reached && row.next == offset
		}
		return reached, fmt.Sprintf("%v, want %v", ledger, want)
	})
}
