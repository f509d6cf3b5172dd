package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// transactions_test.go: only what a transactional producer committed is stored, and positions get past what it aborted.

// transactional is a producer with transactions.
func transactional(t testing.TB, s scene, id string) *kgo.Client {
	t.Helper()
	return newClient(t, s.brokers, kgo.TransactionalID(s.group+"-"+id), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
}

func begin(t testing.TB, client *kgo.Client) {
	t.Helper()
	if err := client.BeginTransaction(); err != nil {
		t.Fatalf("begin a transaction: %v", err)
	}
}

func end(t testing.TB, client *kgo.Client, how kgo.TransactionEndTry) {
	t.Helper()
	if err := client.EndTransaction(t.Context(), how); err != nil {
		t.Fatalf("end a transaction: %v", err)
	}
}

// settle waits until the markers of all transactions that were ended are in the log: EndTransaction does not wait for them.
func (s scene) settle() {
	s.t.Helper()
	kafka := admin(s.t, s.brokers)
	eventually(s.t, 30*time.Second, "the last stable offsets to be at the ends", func() (bool, string) {
		ends, err := kafka.ListEndOffsets(s.t.Context(), s.topics...)
		if err != nil {
			return false, err.Error()
		}
		stable := endOffsets(s.t, s.brokers, s.topics...)
		behind := ""
		ends.Each(func(o kadm.ListedOffset) {
			if at := stable[place{topic: o.Topic, partition: o.Partition}]; at != o.Offset {
				behind += fmt.Sprintf("%s: %d of %d; ", partitionName(o.Topic, o.Partition), at, o.Offset)
			}
		})
		return behind == "", behind
	})
}

// TestTransactions holds: what was committed is stored and nothing else; the backfill ends although each log ends in an abort marker;
// aborted records and markers are counted as not-records.
func TestTransactions(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4)
	client := transactional(t, s, "a")
	rides := madeRides(random(t), 2000)
	var kept []sent
	for turn := 0; len(rides) > 0; turn++ {
		records := recordsOf(t, s.topic(), 4, rides[:100], writeMixed)
		rides = rides[100:]
		begin(t, client)
		publish(t, client, records)
		if turn%2 == 0 {
			end(t, client, kgo.TryCommit)
			kept = append(kept, records...)
		} else {
			end(t, client, kgo.TryAbort)
		}
	}
	client.Close()
	s.settle()
	checkLog(t, s.brokers, kept, s.topics...)

	sum := s.backfilled(0)
	s.checkStored(kept)
	s.checkAtEnd(t)
	s.checkCommits(s.connect(), true)
	// 10 transactions of 100 records were aborted, and each of 20 left a marker on each of 4 partitions.
	if got, want := sum.Totals.NotRecords, int64(10*100+20*4); got != want {
		t.Errorf("%d offsets are counted as not records, want %d", got, want)
	}
	if again := s.backfilled(0); again.ThisRun != (counts{}) {
		t.Errorf("a second backfill stored %+v", again.ThisRun)
	}
}

// TestInterleavedTransactions holds: of three producers that write to the same partitions in turn, one in transactions that it commits,
// one in transactions that it aborts, one without, what is committed is stored.
func TestInterleavedTransactions(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	keeps, drops, plain := transactional(t, s, "keeps"), transactional(t, s, "drops"), newClient(t, s.brokers)
	rides := madeRides(random(t), 900)
	var kept []sent
	for round := range 10 {
		begin(t, keeps)
		begin(t, drops)
		for part := range 3 {
			at := (round*3 + part) * 30
			mine := recordsOf(t, s.topic(), 2, rides[at:at+10], writeTLC)
			publish(t, keeps, mine)
			publish(t, drops, recordsOf(t, s.topic(), 2, rides[at+10:at+20], writeTLC))
			others := recordsOf(t, s.topic(), 2, rides[at+20:at+30], writeTLC)
			publish(t, plain, others)
			kept = append(append(kept, mine...), others...)
		}
		end(t, drops, kgo.TryAbort)
		end(t, keeps, kgo.TryCommit)
	}
	s.settle()
	checkLog(t, s.brokers, kept, s.topics...)
	s.backfilled(0)
	s.checkStored(kept)
	s.checkAtEnd(t)
}

// TestOpenTransaction holds: a backfill ends before a transaction that is still open and says how much it could not read; once the
// transaction is committed the next backfill stores it.
func TestOpenTransaction(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := s.publishRides(50, 1, writeTLC)
	client := transactional(t, s, "open")
	begin(t, client)
	open := recordsOf(t, s.topic(), 1, madeRides(random(t), 30), writeTLC)
	publish(t, client, open)

	sum := s.backfilled(0)
	s.checkStored(records)
	if p := sum.of(t, s.topic(), 0); p.NotReadableYet != 30 || p.EndOffset != 50 || p.HighWatermark != 80 {
		t.Errorf("with 30 records in an open transaction behind 50 the summary says %+v", p)
	}
	end(t, client, kgo.TryCommit)
	s.settle()
	s.backfilled(0)
	s.checkStored(append(records, open...))
	s.checkAtEnd(t)
}
