package partlog

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestFetchedRecords(t *testing.T) {
	t.Parallel()
	aborts := func(list ...abortedTransaction) []abortedTransaction { return list }
	empty := func(first, next int64, attributes int16) crafted {
		return crafted{first: first, next: next, attributes: attributes, producer: 5, payload: []byte{}}
	}
	sparse := plain(100, 0)
	sparse.next = 110
	sparse.records = []craftedRecord{{delta: 3}, {delta: 7}}
	for _, c := range []struct {
		scenario   string
		position   int64
		records    []byte
		aborted    []abortedTransaction
		want       []int64
		next       int64
		notRecords int64
	}{
		{scenario: "an empty answer moves nothing", position: 100, next: 100},
		{scenario: "batches follow each other", position: 100, records: join(plain(100, 3), plain(103, 2)), want: upTo(100, 105), next: 105},
		{scenario: "a batch begins below the position", position: 102, records: join(plain(100, 5)), want: upTo(102, 105), next: 105},
		{scenario: "a batch lies below the position as a whole", position: 103, records: join(plain(100, 3), plain(103, 2)), want: upTo(103, 105), next: 105},
		{scenario: "only batches below the position", position: 103, records: join(plain(100, 3)), next: 103},
		{scenario: "compaction took records at both ends and inside", position: 100, records: join(sparse), want: []int64{103, 107}, next: 110, notRecords: 8},
		{scenario: "the position is in a gap", position: 105, records: join(sparse), want: []int64{107}, next: 110, notRecords: 4},
		{scenario: "the position is in the gap at the end", position: 108, records: join(sparse), next: 110, notRecords: 2},
		{scenario: "compaction took whole batches", position: 100, records: join(plain(150, 2), plain(160, 1)), want: []int64{150, 151, 160}, next: 161, notRecords: 58},
		{scenario: "compaction emptied batches", position: 100, records: join(empty(100, 103, 0), empty(103, 104, codecGzip), empty(104, 105, transactionalFlag)), next: 105, notRecords: 5},
		{
			scenario: "a committed transaction", position: 100, records: join(transactional(5, 100, 2), marker(5, 102, true)),
			want: upTo(100, 102), next: 103, notRecords: 1,
		},
		{
			scenario: "an aborted transaction", position: 100, records: join(transactional(5, 100, 2), marker(5, 102, false), plain(103, 1)),
			aborted: aborts(abortedTransaction{producer: 5, first: 100}), want: []int64{103}, next: 104, notRecords: 3,
		},
		{
			scenario: "an aborted one, then a committed one of the same producer", position: 100,
			records: join(transactional(5, 100, 1), marker(5, 101, false), transactional(5, 102, 1), marker(5, 103, true)),
			aborted: aborts(abortedTransaction{producer: 5, first: 100}), want: []int64{102}, next: 104, notRecords: 3,
		},
		{
			scenario: "a committed one, then an aborted one of the same producer", position: 100,
			records: join(transactional(5, 100, 1), marker(5, 101, true), transactional(5, 102, 1), marker(5, 103, false)),
			aborted: aborts(abortedTransaction{producer: 5, first: 102}), want: []int64{100}, next: 104, notRecords: 3,
		},
		{
			scenario: "two producers interleaved, one aborts; the list is not sorted", position: 100,
			records: join(transactional(5, 100, 1), transactional(6, 101, 1), transactional(5, 102, 1), marker(5, 103, false), transactional(6, 104, 1), marker(6, 105, true),
				transactional(5, 106, 1), marker(5, 107, false)),
			aborted: aborts(abortedTransaction{producer: 5, first: 106}, abortedTransaction{producer: 5, first: 100}), want: []int64{101, 104}, next: 108, notRecords: 6,
		},
		{
			scenario: "the aborted transaction began before the position", position: 100, records: join(transactional(5, 100, 1), marker(5, 101, false)),
			aborted: aborts(abortedTransaction{producer: 5, first: 20}), next: 102, notRecords: 2,
		},
		{
			scenario: "a plain batch of a producer whose transaction is aborted is kept", position: 100, records: join(func() crafted { c := plain(100, 1); c.producer = 5; return c }()),
			aborted: aborts(abortedTransaction{producer: 5, first: 100}), want: []int64{100}, next: 101,
		},
		{
			scenario: "an aborted batch that is compressed with nonsense is not opened", position: 100,
			records: join(crafted{first: 100, producer: 5, attributes: transactionalFlag | codecZstd, payload: []byte("nonsense"), count: 1}, marker(5, 101, false)),
			aborted: aborts(abortedTransaction{producer: 5, first: 100}), next: 102, notRecords: 2,
		},
		{scenario: "the last batch is cut off inside its records", position: 100, records: join(plain(100, 2), plain(102, 2))[:160], want: upTo(100, 102), next: 102},
		{scenario: "the last batch is cut off inside its header", position: 100, records: append(plain(100, 2).bytes(), plain(102, 2).bytes()[:20]...), want: upTo(100, 102), next: 102},
		{scenario: "the last batch is cut off inside its length", position: 100, records: append(plain(100, 2).bytes(), plain(102, 2).bytes()[:9]...), want: upTo(100, 102), next: 102},
		{
			scenario: "a damaged batch ends the piece before it", position: 100,
			records: join(plain(100, 2), func() crafted { c := plain(102, 2); c.damage = func(b []byte) { b[70] ^= 1 }; return c }(), plain(104, 1)), want: upTo(100, 102), next: 102,
		},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f, err := answered(t, c.position, c.records, c.aborted...)
			if err != nil {
				t.Fatal(err)
			}
			if f.First() != c.position || f.Next() != c.next || f.Bytes() != len(c.records) {
				t.Errorf("[%d,%d) of %d bytes, want [%d,%d) of %d", f.First(), f.Next(), f.Bytes(), c.position, c.next, len(c.records))
			}
			if got := offsets(drain(t, f)); !slices.Equal(got, c.want) {
				t.Errorf("offsets %v, want %v", got, c.want)
			}
			if f.Err() != nil || f.NotRecords() != c.notRecords {
				t.Errorf("%d not-records and %v, want %d and no error", f.NotRecords(), f.Err(), c.notRecords)
			}
		})
	}
}

func TestFetchedCorrupt(t *testing.T) {
	t.Parallel()
	put32 := func(at int, v uint32) func([]byte) {
		return func(b []byte) { binary.BigEndian.PutUint32(b[at:], v) }
	}
	sealed := func(c crafted, seal func([]byte)) crafted { c.seal = seal; return c }
	damaged := func(c crafted, damage func([]byte)) crafted { c.damage = damage; return c }
	with := func(r craftedRecord) crafted { c := plain(100, 2); c.records[1] = r; return c }
	payload := func(b []byte, count int32) crafted {
		return crafted{first: 100, next: 102, producer: -1, payload: b, count: count}
	}
	long := binary.AppendVarint(nil, 1<<50)
	for _, c := range []struct {
		scenario  string
		records   []byte
		delivered int // records before it
		next      int64
		why       string
	}{
		{scenario: "a bit of a value is wrong", records: join(damaged(plain(100, 2), func(b []byte) { b[len(b)-2] ^= 4 })), next: 102, why: "checksum"},
		{scenario: "the checksum is wrong", records: join(damaged(plain(100, 2), put32(17, 1))), next: 102, why: "checksum"},
		{scenario: "the claimed last offset is damaged: the next batch tells", records: join(damaged(plain(100, 2), put32(23, 1<<30)), plain(102, 1)), next: 102, why: "checksum"},
		{scenario: "the length is negative", records: join(damaged(plain(100, 2), put32(8, 1<<31))), next: 101, why: "length"},
		{scenario: "the length is zero", records: join(damaged(plain(100, 2), put32(8, 0))), next: 101, why: "length"},
		{scenario: "the length is 2 GiB", records: join(damaged(plain(100, 2), put32(8, 1<<31-1))), next: 101, why: "2147483659 bytes"},
		{scenario: "the first batch is cut off although there was room for it", records: plain(100, 2).bytes()[:70], next: 101, why: "claims"},
		{scenario: "the first batch is cut off inside its length", records: plain(100, 2).bytes()[:9], next: 101, why: "claims"},
		{scenario: "message format 1", records: join(damaged(plain(100, 2), func(b []byte) { b[16] = 1 })), next: 101, why: "message format 1, from before Kafka 0.11"},
		{scenario: "message format 0, as short as it comes", records: append(make([]byte, 7), 100, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), next: 101, why: "message format 0"},
		{scenario: "message format 3", records: join(damaged(plain(100, 2), func(b []byte) { b[16] = 3 })), next: 101, why: "newer Kafka"},
		{scenario: "the base offset is negative", records: join(damaged(plain(100, 2), put32(0, 1<<31))), next: 101, why: "base offset"},
		{scenario: "the last offset is below the first", records: join(sealed(plain(100, 2), put32(23, 1<<31))), next: 101, why: "last offset"},
		{scenario: "more records than offsets", records: join(sealed(plain(100, 2), put32(57, 3))), next: 102, why: "claims 3 records for 2 offsets"},
		{scenario: "a negative number of records", records: join(sealed(plain(100, 2), put32(57, 1<<31))), next: 102, why: "claims"},
		{scenario: "fewer records than there are", records: join(sealed(plain(100, 2), put32(57, 1))), delivered: 1, next: 102, why: "follow its last record"},
		{scenario: "a codec that nobody has defined", records: join(sealed(plain(100, 2), func(b []byte) { b[22] = 5 })), next: 102, why: "codec 5"},
		{scenario: "a record that claims 2^50 headers", records: join(with(craftedRecord{delta: 1, headerClaim: 1 << 50})), delivered: 1, next: 102, why: "malformed"},
		{scenario: "a record that claims a negative number of headers", records: join(with(craftedRecord{delta: 1, headerClaim: -1})), delivered: 1, next: 102, why: "malformed"},
		{scenario: "a header without a key", records: join(with(craftedRecord{delta: 1, headers: []Header{{}}})), delivered: 1, next: 102, why: "malformed"},
		{scenario: "headers that are not all there", records: join(with(craftedRecord{delta: 1, headers: []Header{{Key: []byte("a")}}, headerClaim: 2})), delivered: 1, next: 102, why: "malformed"},
		{scenario: "bytes after the headers", records: join(with(craftedRecord{delta: 1, headers: []Header{{Key: []byte("a")}, {Key: []byte("b")}}, headerClaim: 1})), delivered: 1, next: 102, why: "malformed"},
		{scenario: "an offset beyond the batch", records: join(func() crafted { c := with(craftedRecord{delta: 5}); c.next = 102; return c }()), delivered: 1, next: 102, why: "malformed"},
		{scenario: "a negative offset", records: join(func() crafted { c := with(craftedRecord{delta: -5}); c.next = 102; return c }()), delivered: 1, next: 102, why: "malformed"},
		{scenario: "offsets that go back", records: join(func() crafted {
			c := plain(100, 3)
			c.records[2].delta = 0
			c.next = 103
			return c
		}()), delivered: 2, next: 103, why: "comes after offset"},
		{scenario: "a record of 2^50 bytes", records: join(payload(long, 1)), next: 102, why: "malformed"},
		{scenario: "a record of negative length", records: join(payload([]byte{1, 0, 0, 0}, 1)), next: 102, why: "malformed"},
		{scenario: "a record of no bytes", records: join(payload([]byte{0}, 1)), next: 102, why: "malformed"},
		{scenario: "a key of 2^50 bytes", records: join(payload(slices.Concat([]byte{40, 0, 0, 0}, long, make([]byte, 20)), 1)), next: 102, why: "malformed"},
		{scenario: "a varint without an end", records: join(payload([]byte(strings.Repeat("\xff", 30)), 1)), next: 102, why: "malformed"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f, err := answered(t, 100, c.records)
			var all []kept
			if err == nil {
				all = drain(t, f)
				err = f.Err()
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("%d records and %v, want a *CorruptError", len(all), err)
			}
			if len(all) != c.delivered || corrupt.First != 100+int64(c.delivered) || corrupt.Next != c.next || !strings.Contains(corrupt.Why, c.why) {
				t.Errorf("%d records, then %+v; want %d, next %d and %q", len(all), corrupt, c.delivered, c.next, c.why)
			}
			if Retriable(err) {
				t.Error("it counts as retriable")
			}
			if f.Record(new(Record)) {
				t.Error("the reading goes on after the error")
			}
		})
	}
}

func TestFetchedOverlappingBatchIsCorrupt(t *testing.T) {
	t.Parallel()
	f, err := answered(t, 100, join(plain(100, 3), plain(101, 3)))
	if err != nil || f.Next() != 103 {
		t.Fatalf("next %d and %v, want 103: the batch that overlaps is for the next fetch", f.Next(), err)
	}
}

func TestFetchedRecordContent(t *testing.T) {
	t.Parallel()
	c := plain(100, 0)
	c.maxTimestamp = 2000
	c.records = []craftedRecord{
		{delta: 0, timestampDelta: -5},
		{delta: 1, key: []byte{}, value: []byte{}},
		{delta: 2, key: []byte("k"), value: []byte("v"), headers: []Header{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("a")}, {Key: []byte{}, Value: []byte{}}}},
	}
	f, err := answered(t, 100, join(c))
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, f)
	if len(all) != 3 {
		t.Fatalf("%d records, want 3", len(all))
	}
	if all[0].Key != nil || all[0].Value != nil || all[0].headers != nil || all[0].Timestamp != 1593563131995 || all[0].LeaderEpoch != 3 {
		t.Errorf("a null record came as %+v", all[0])
	}
	if all[1].Key == nil || all[1].Value == nil || len(all[1].Key)+len(all[1].Value) != 0 {
		t.Errorf("an empty record came as %+v", all[1])
	}
	h := all[2].headers
	if len(h) != 3 || string(h[0].Value) != "1" || h[1].Value != nil || h[2].Value == nil || len(h[2].Key) != 0 {
		t.Errorf("headers came as %q", h)
	}
	c.attributes = logAppendTimeFlag
	if f, err = answered(t, 100, join(c)); err != nil {
		t.Fatal(err)
	}
	for _, k := range drain(t, f) {
		if k.Timestamp != 2000 {
			t.Errorf("log append time came as %d, want the batch's 2000", k.Timestamp)
		}
	}
}

func TestFetchedLogStartMovesWhileTheBrokerReads(t *testing.T) {
	t.Parallel()
	f := new(Fetched)
	err := f.open(testReader(t), &fetchResponse{records: join(plain(150, 2)), logStart: 150, highWatermark: 152}, 100, 1<<20, 1<<20)
	var lost *OutOfRangeError
	if !errors.As(err, &lost) || lost.Position != 100 || lost.LogStart != 150 {
		t.Fatalf("%v, want offsets [100,150) reported as lost", err)
	}
	err = f.open(testReader(t), &fetchResponse{records: join(plain(100, 2)), logStart: 101, highWatermark: 152}, 100, 1<<20, 1<<20)
	if err != nil {
		t.Fatalf("%v, although nothing is missing", err)
	}
}

func TestFetchedIsReused(t *testing.T) {
	t.Parallel()
	f, err := answered(t, 100, join(plain(100, 3)))
	if err != nil {
		t.Fatal(err)
	}
	if !f.Record(new(Record)) {
		t.Fatal(f.Err())
	}
	if err := f.open(testReader(t), &fetchResponse{records: join(plain(200, 2))}, 200, 1<<20, 1<<20); err != nil {
		t.Fatal(err)
	}
	if got := offsets(drain(t, f)); !slices.Equal(got, upTo(200, 202)) {
		t.Errorf("offsets %v after a second answer, want only its own", got)
	}
}

func TestFetchedRecordDoesNotAllocate(t *testing.T) {
	batches := join(plain(100, 1000), plain(1100, 1000))
	f, err := answered(t, 100, batches)
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	if allocations := testing.AllocsPerRun(1500, func() { f.Record(&r) }); allocations != 0 {
		t.Errorf("%v allocations a record, want none", allocations)
	}
}

// The batch that holds an offset says in which leader epoch it was written, also where the offset is no record.
func TestCovering(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		records  []byte
		epoch    int32
		covered  bool
	}{
		{scenario: "it is the first of its batch", records: join(plain(100, 2)), epoch: 3, covered: true},
		{scenario: "its batch begins before it", records: join(plain(98, 2), plain(99, 3)), epoch: 3, covered: true},
		{scenario: "its batch was compacted away", records: join(plain(101, 2)), epoch: 3},
		{scenario: "there is nothing yet", epoch: -1},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			var f Fetched
			if err := f.open(testReader(t), &fetchResponse{records: c.records, highWatermark: 1 << 40}, 100, 1<<20, 1<<20); err != nil {
				t.Fatal(err)
			}
			epoch, covered := f.Covering()
			if epoch != c.epoch || covered != c.covered {
				t.Errorf("Covering = %d, %t, want %d, %t", epoch, covered, c.epoch, c.covered)
			}
		})
	}
}
