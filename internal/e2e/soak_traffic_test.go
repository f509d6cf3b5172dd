package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// soak_traffic_test.go sends records at a steady rate for as long as a soak lasts. A record is made from its number, which is its key, so that
// millions of them need not be kept to be compared: only where each was acknowledged.

const (
	plainPerSecond         = 1200
	transactionalPerSecond = 800
	trafficTick            = 20 * time.Millisecond
	transactionTicks       = 10 // a transaction
	abortedOfTransactions  = 8  // one of so many
	badOfRecords           = 499
	tombstonesOfRecords    = 503
)

// traffic is what two producers send to one topic.
type traffic struct {
	t          testing.TB
	brokers    []string
	topic      string
	seed       uint64
	partitions atomic.Int32
	next       atomic.Uint32 // the number of the next record

	mu        sync.Mutex
	acked     []ackedRecord   // guarded by mu
	aborted   map[uint32]bool // guarded by mu: records in transactions that were aborted
	unsettled map[uint32]bool // guarded by mu: records whose end nobody told: only the log knows
}

// ackedRecord says where record number is.
type ackedRecord struct {
	number    uint32
	partition int32
	offset    int64
}

// record makes record n: a ride in the dialect whose turn it is, or now and then a bad record or a tombstone.
func (tr *traffic) record(n uint32) sent {
	r := sent{record: &kgo.Record{Topic: tr.topic, Key: strconv.AppendUint(nil, uint64(n), 10), Timestamp: epoch().Add(time.Duration(n) * time.Millisecond)}}
	r.fate = tr.fate(n)
	switch r.fate {
	case isTombstone:
	case isDead:
		bad := badValues()[int(n/badOfRecords)%len(badValues())]
		r.reason, r.record.Value = bad.reason, []byte(bad.value(int(n)))
	case isRide:
		made := madeRides(rand.New(rand.NewPCG(tr.seed, uint64(n))), 1)[0]
		made[tripDistance] = fmt.Sprintf("%d.%02d", n/100, n%100) // no two alike
		r.record.Value, r.row = writeMixed(tr.t, int(n), made)
	}
	return r
}

// fate is what record n is, without making it.
func (tr *traffic) fate(n uint32) fate {
	switch {
	case n%tombstonesOfRecords == tombstonesOfRecords-1:
		return isTombstone
	case n%badOfRecords == badOfRecords-1:
		return isDead
	}
	return isRide
}

// numberOf is the number of a record that was read back.
func numberOf(r *kgo.Record) (uint32, error) {
	n, err := strconv.ParseUint(string(r.Key), 10, 32)
	return uint32(n), err
}

// some makes n records for the partitions by turns.
func (tr *traffic) some(n int, partitions int32) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		number := tr.next.Add(1) - 1
		records[i] = tr.record(number).record
		records[i].Partition = int32(number) % partitions
	}
	return records
}

// knowledge is what a producer knows of records.
type knowledge int

const (
	acknowledged knowledge = iota
	aborted                // with their transaction
	unknown                // only the log tells whether they are anywhere
)

// settle notes where records are, or that nobody knows whether they are anywhere.
func (tr *traffic) settle(records []*kgo.Record, how knowledge) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, r := range records {
		n, err := numberOf(r)
		if err != nil {
			tr.t.Errorf("a record of ours has the key %q", r.Key)
		}
		switch how {
		case acknowledged:
			tr.acked = append(tr.acked, ackedRecord{number: n, partition: r.Partition, offset: r.Offset})
		case aborted:
			tr.aborted[n] = true
		case unknown:
			tr.unsettled[n] = true
		}
	}
}

// settled settles one record as its acknowledgement says.
func (tr *traffic) settled(r *kgo.Record, err error) {
	how := acknowledged
	if err != nil {
		how = unknown
	}
	tr.settle([]*kgo.Record{r}, how)
}

// client connects a producer that knows the partitions there are now. It has no Cleanup: producers come and go.
func (tr *traffic) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(tr.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5 * time.Millisecond), kgo.MaxBufferedRecords(100_000),
	}, options...)...)
}

// plain sends without transactions until stop ends, and waits for the last acknowledgement.
func (tr *traffic) plain(stop context.Context) error {
	ctx := context.WithoutCancel(stop)
	ticker := time.NewTicker(trafficTick)
	defer ticker.Stop()
	for stop.Err() == nil {
		partitions := tr.partitions.Load()
		client, err := tr.client(kgo.ProducerBatchCompression(kgo.Lz4Compression()))
		if err != nil {
			return err
		}
		for stop.Err() == nil && tr.partitions.Load() == partitions {
			for _, r := range tr.some(plainPerSecond*int(trafficTick.Milliseconds())/1000, partitions) {
				client.Produce(ctx, r, tr.settled)
			}
			<-ticker.C
		}
		flushing, cancel := context.WithTimeout(ctx, longWait)
		err = client.Flush(flushing)
		cancel()
		client.Close()
		if err != nil {
			return fmt.Errorf("the last records are not acknowledged: %w", err)
		}
	}
	return nil
}

// transactional sends transactions, most of which it commits, until stop ends.
func (tr *traffic) transactional(stop context.Context) error {
	ctx := context.WithoutCancel(stop)
	dice := rand.New(rand.NewPCG(tr.seed, binary.BigEndian.Uint64([]byte("transact"))))
	for stop.Err() == nil {
		partitions := tr.partitions.Load()
		client, err := tr.client(kgo.TransactionalID(tr.topic+"-soak"), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
		if err != nil {
			return err
		}
		for stop.Err() == nil && tr.partitions.Load() == partitions {
			if err := tr.transaction(ctx, client, partitions, dice.IntN(abortedOfTransactions) == 0); err != nil {
				tr.t.Logf("a transaction has no known end: %v", err)
				break // the next client of the same name ends it
			}
		}
		client.Close()
	}
	// A client of the same name ends what may still be open.
	last, err := tr.client(kgo.TransactionalID(tr.topic + "-soak"))
	if err != nil {
		return err
	}
	defer last.Close()
	return tr.transaction(ctx, last, tr.partitions.Load(), false)
}

// transaction sends one transaction. An error means that nobody knows how it ended.
func (tr *traffic) transaction(ctx context.Context, client *kgo.Client, partitions int32, abort bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	ticker := time.NewTicker(trafficTick)
	defer ticker.Stop()
	var all []*kgo.Record
	var failed atomic.Bool
	for range transactionTicks {
		records := tr.some(transactionalPerSecond*int(trafficTick.Milliseconds())/1000, partitions)
		all = append(all, records...)
		for _, r := range records {
			client.Produce(ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(true)
				}
			})
		}
		<-ticker.C
	}
	err := client.Flush(ctx)
	how := kgo.TryCommit
	if abort || err != nil || failed.Load() {
		how = kgo.TryAbort
	}
	if endErr := client.EndTransaction(ctx, how); endErr != nil {
		tr.settle(all, unknown)
		return endErr
	}
	switch {
	case how == kgo.TryCommit:
		tr.settle(all, acknowledged)
	case abort && err == nil && !failed.Load():
		tr.settle(all, aborted)
	default:
		tr.settle(all, unknown) // a record whose request failed may still arrive, and then belongs to the transaction after (KIP-890)
	}
	return nil
}
