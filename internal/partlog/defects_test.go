package partlog

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// defects_test.go: what kafka-go's own Reader gets wrong (v0.4.51), each shown to be right here. The numbers are its issues.

// TestReaderDefect1332AbortedRecordsDelivered: under ReadCommitted, kafka.Reader delivers aborted records and control markers.
func TestReaderDefect1332AbortedRecordsDelivered(t *testing.T) {
	t.Parallel()
	f, err := answered(t, 0, join(transactional(5, 0, 3), marker(5, 3, false), transactional(5, 4, 2), marker(5, 6, true)), abortedTransaction{producer: 5, first: 0})
	if err != nil {
		t.Fatal(err)
	}
	if got := offsets(drain(t, f)); !slices.Equal(got, upTo(4, 6)) {
		t.Errorf("offsets %v, want the two committed ones", got)
	}
}

// TestReaderDefectCRCUnchecked: kafka.Reader delivers a batch whose bytes were damaged. Here no damaged bit gets through.
func TestReaderDefectCRCUnchecked(t *testing.T) {
	t.Parallel()
	whole := plain(0, 3).bytes()
	for bit := 8 * crcFrom; bit < 8*len(whole); bit++ {
		damaged := bytes.Clone(whole)
		damaged[bit/8] ^= 1 << (bit % 8)
		_, err := answered(t, 0, damaged)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Fatalf("bit %d: %v, want a *CorruptError", bit, err)
		}
	}
}

// TestReaderDefect1416CompactedTailLoops: where compaction took the last records of a compressed batch, kafka.Reader asks for the same batch for
// ever (also 423, 621). Here every answer moves the position to the end of its last batch.
func TestReaderDefect1416CompactedTailLoops(t *testing.T) {
	t.Parallel()
	for _, e := range encodings() {
		c := plain(0, 2)
		c.payload, c.count, c.attributes, c.next = e.encode(t, c.content()), 2, e.codec, 10
		for position := range int64(10) {
			f, err := answered(t, position, join(c))
			if err != nil {
				t.Fatal(err)
			}
			drain(t, f)
			if f.Err() != nil || f.Next() != 10 || f.Position() != 10 {
				t.Errorf("%s from %d: ends at %d, %v; want 10", e.name, position, f.Position(), f.Err())
			}
		}
	}
}

// TestReaderDefect1393EmptyBatchesPanic: kafka.Reader panics on three empty batches in a row (also 874).
func TestReaderDefect1393EmptyBatchesPanic(t *testing.T) {
	t.Parallel()
	var batches []crafted
	for i := range int64(5) {
		batches = append(batches, crafted{first: 10 * i, next: 10*i + 10, payload: []byte{}, producer: -1})
	}
	f, err := answered(t, 0, join(append(batches, plain(50, 1))...))
	if err != nil {
		t.Fatal(err)
	}
	if got := offsets(drain(t, f)); !slices.Equal(got, []int64{50}) || f.NotRecords() != 50 {
		t.Errorf("offsets %v and %d not-records", got, f.NotRecords())
	}
}

// TestReaderDefectSilentJump: kafka.Reader moves to the log start or end by itself when its position is outside of the log.
func TestReaderDefectSilentJump(t *testing.T) {
	t.Parallel()
	for _, position := range []int64{0, 49, 1001, 1 << 40} {
		c := fakeBrokers(t, 1)
		forge(c, func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = codeOffsetOutOfRange })
		c.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			request := r.(*kmsg.ListOffsetsRequest)
			response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
			topic, p := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
			topic.Topic = fakeTopic
			p.Offset = 1000
			if request.Topics[0].Partitions[0].Timestamp == earliestTimestamp {
				p.Offset = 50
			}
			topic.Partitions = append(topic.Partitions, p)
			response.Topics = append(response.Topics, topic)
			return response, nil, true
		})
		_, err := testLog(t, c.ListenAddrs()).Partition(fakeTopic, 0).Fetch(t.Context(), position, testOptions(), nil)
		var out *OutOfRangeError
		if !errors.As(err, &out) || *out != (OutOfRangeError{Topic: fakeTopic, Position: position, LogStart: 50, HighWatermark: 1000}) {
			t.Errorf("position %d: %v, want it refused with the range [50,1000)", position, err)
		}
	}
}

// TestReaderDefectNullIsEmpty: kafka.Reader gives null and empty values alike, so that a tombstone looks like an empty value.
func TestReaderDefectNullIsEmpty(t *testing.T) {
	t.Parallel()
	for _, e := range append(encodings(), encoding{"none", codecNone, func(_ testing.TB, b []byte) []byte { return b }}) {
		c := plain(0, 2)
		c.records[0].key, c.records[0].value = nil, nil
		c.records[1].key, c.records[1].value = []byte{}, []byte{}
		c.payload, c.count, c.attributes, c.next = e.encode(t, c.content()), 2, e.codec, 2
		f, err := answered(t, 0, join(c))
		if err != nil {
			t.Fatal(err)
		}
		all := drainRaw(f)
		if len(all) != 2 || all[0].Key != nil || all[0].Value != nil || all[1].Key == nil || all[1].Value == nil {
			t.Errorf("%s: null and empty came as %+v", e.name, all)
		}
	}
}

// drainRaw keeps records as they come, without copying: nil stays nil.
func drainRaw(f *Fetched) []Record {
	var all []Record
	for r := (Record{}); f.Record(&r); {
		all = append(all, r)
	}
	return all
}

// TestReaderDefectBomb: kafka.Reader lets a gzip batch of 520 KB become 2.5 GiB. Here every codec stops at the limit.
func TestReaderDefectBomb(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 16<<20)
	for _, e := range encodings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			bomb := crafted{first: 0, next: 1, count: 1, attributes: e.codec, payload: e.encode(t, zeros)}
			reader, f := testReader(t), new(Fetched)
			reader.log.cfg.MaxBatchBytes = 8 << 20
			records := join(bomb)
			if err := f.open(reader, &fetchResponse{records: records}, 0, len(records), 1<<20); err != nil {
				t.Fatal(err)
			}
			var large *TooLargeError
			if f.Record(new(Record)) || !errors.As(f.Err(), &large) || large.Size != 4<<20 || cap(f.scratch) > 1<<20 {
				t.Fatalf("%v with %d bytes taken, want a *TooLargeError that asks for 4 MiB, and 1 MiB at most", f.Err(), cap(f.scratch))
			}
			if err := f.open(reader, &fetchResponse{records: records}, 0, len(records), 8<<20); err != nil {
				t.Fatal(err)
			}
			if f.Record(new(Record)) || !errors.As(f.Err(), &large) || large.Size <= 8<<20 || cap(f.scratch) > 8<<20 {
				t.Fatalf("%v with %d bytes taken, want more than may ever be asked for, and 8 MiB at most", f.Err(), cap(f.scratch))
			}
		})
	}
}

// TestReaderDefectHeaderCountPanics: a record that claims 2^50 headers makes kafka.Reader panic.
func TestReaderDefectHeaderCountPanics(t *testing.T) {
	t.Parallel()
	c := plain(0, 2)
	c.records[1].headerClaim = 1 << 50
	f, err := answered(t, 0, join(c))
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, f)
	var corrupt *CorruptError
	if len(all) != 1 || !errors.As(f.Err(), &corrupt) {
		t.Errorf("%d records, then %v; want one, then a *CorruptError", len(all), f.Err())
	}
}

// TestReaderDefect1308StalePositions: kafka.Reader keeps a position of its own, which a rebalance leaves stale (also 1398). Here the caller names the
// position at each fetch, and nothing of an earlier one is left.
func TestReaderDefect1308StalePositions(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	produceTo(t, c.ListenAddrs(), 0, "0", "1", "2", "3")
	r := testLog(t, c.ListenAddrs()).Partition(fakeTopic, 0)
	var f *Fetched
	for _, position := range []int64{3, 0, 2, 1, 0} {
		var err error
		if f, err = r.Fetch(t.Context(), position, testOptions(), f); err != nil {
			t.Fatal(err)
		}
		if got := offsets(drain(t, f)); !slices.Equal(got, upTo(position, 4)) {
			t.Errorf("from %d: offsets %v", position, got)
		}
	}
}
