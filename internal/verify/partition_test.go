package verify

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"ridesink/internal/partlog"
	"ridesink/internal/serde"
	"ridesink/schema"
)

// stream makes tuples as COPY would send them, cut into chunks of a size.
func stream(t rapid.TB, rows [][]byte, columns, partition, chunk int) *tuples {
	t.Helper()
	all := schema.AppendCopyHeader(nil)
	for _, row := range rows {
		all = append(all, row...)
	}
	all = schema.AppendCopyTrailer(all)
	s := newTuples(columns, partition)
	s.chunks = make(chan []byte, len(all)/chunk+1)
	s.free = make(chan []byte, len(all)/chunk+8) // as many as come back
	for len(all) > 0 {
		n := min(chunk, len(all))
		s.chunks <- append([]byte(nil), all[:n]...)
		all = all[n:]
	}
	close(s.chunks)
	return s
}

// letterTuple is a dead letter without key, headers and timestamp.
func letterTuple(partition int32, offset int64, value, reason string) []byte {
	row := binary.BigEndian.AppendUint16(nil, uint16(len(letterColumns())))
	field := func(value []byte) {
		if value == nil {
			row = binary.BigEndian.AppendUint32(row, math.MaxUint32)
			return
		}
		row = binary.BigEndian.AppendUint32(row, uint32(len(value)))
		row = append(row, value...)
	}
	field(binary.BigEndian.AppendUint64(nil, uint64(offset)))
	field(binary.BigEndian.AppendUint32(nil, uint32(partition)))
	field(nil)
	field(nil)
	field([]byte(value))
	field(nil)
	field([]byte(reason))
	return row
}

// Whatever is deleted, doubled, changed or put where nothing belongs, in any order and wherever chunks end: the counts are exact.
func TestEveryDamageIsCounted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const partition = 4
		decoder := schema.NewDecoder()
		n := rapid.IntRange(0, 60).Draw(t, "offsets")
		var records []partlog.Record
		var rows, letters [][]byte
		var want Counts
		var storedRows, storedDead int64
		row := func(offset int64, value string) []byte {
			made, err := decoder.AppendRow(nil, schema.Coordinates{Topic: "rides", Partition: partition, Offset: offset, Timestamp: -1}, []byte(value))
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		for offset := range int64(n) {
			ride, bad := fmt.Sprintf(`{"PULocationID": %d, "fare_amount": %d.50}`, offset, offset*977), fmt.Sprintf(`{"PULocationID": %d`, offset)
			kind := rapid.SampledFrom([]string{"ride", "ride", "ride", "bad", "tombstone", "none"}).Draw(t, "kind")
			fate := rapid.SampledFrom([]string{"right", "right", "right", "gone", "twice", "changed", "both"}).Draw(t, "fate")
			r := partlog.Record{Offset: offset, Timestamp: -1}
			switch kind {
			case "ride":
				r.Value = []byte(ride)
			case "bad":
				r.Value = []byte(bad)
			}
			if kind != "none" {
				records = append(records, r)
			}
			add := func(n int, fate func()) {
				for range n {
					if kind == "ride" {
						rows = append(rows, row(offset, ride))
						storedRows++
					} else {
						letters = append(letters, letterTuple(partition, offset, bad, "invalid_json"))
						storedDead++
					}
				}
				fate()
			}
			equal := func() {
				if kind == "ride" {
					want.Equal++
				} else {
					want.DeadLetters++
				}
			}
			switch {
			case kind == "tombstone":
				want.Tombstones++
				if fate == "twice" {
					rows = append(rows, row(offset, ride))
					storedRows++
					want.Different++
				}
			case kind == "none":
				if fate == "twice" {
					rows = append(rows, row(offset, ride), row(offset, ride))
					storedRows += 2
					want.NoRecord++
					want.Doubled++
				}
			case fate == "right":
				add(1, equal)
			case fate == "gone":
				want.Missing++
			case fate == "twice":
				add(2, equal)
				want.Doubled++
			case fate == "changed" && kind == "ride":
				rows = append(rows, row(offset, `{"PULocationID": 999, "fare_amount": 1.00}`))
				storedRows++
				want.Different++
			case fate == "changed":
				letters = append(letters, letterTuple(partition, offset, bad+" ", "invalid_json"))
				storedDead++
				want.Different++
			case fate == "both":
				rows = append(rows, row(offset, ride))
				letters = append(letters, letterTuple(partition, offset, bad, "invalid_json"))
				storedRows++
				storedDead++
				want.Doubled++
				if kind == "ride" {
					want.Equal++
				} else {
					want.Different++
				}
			}
		}
		beyond := rapid.IntRange(0, 2).Draw(t, "beyond")
		for i := range beyond {
			rows = append(rows, row(int64(n+i), `{"PULocationID": 1}`))
			want.NotCovered++
		}
		chunk := rapid.SampledFrom([]int{1, 7, 300, 1 << 20}).Draw(t, "chunk")
		told := 0
		c := &partitionCheck{
			place: Place{Topic: "rides", Partition: partition}, report: &PartitionReport{}, tell: func(Difference) { told++ },
			ledger: ledgerRow{next: int64(n), lastOffset: -1}, known: true, selection: newSelection(Config{To: -1}),
			bounds:    func(context.Context) (partlog.Bounds, error) { return partlog.Bounds{}, nil },
			rowStream: stream(t, rows, len(schema.Columns()), 4, chunk), letterStream: stream(t, letters, len(letterColumns()), letterPartition, chunk),
			rows: newRowComparison(), decoder: serde.Formats{}.NewDecoder(), lastStored: -1,
		}
		for i := range records {
			if err := c.record(t.Context(), &records[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.drain(t.Context(), math.MaxInt64, stretchRead); err != nil {
			t.Fatal(err)
		}
		if c.report.Counts != want {
			t.Fatalf("the counts are %+v, want %+v", c.report.Counts, want)
		}
		if c.storedRows != storedRows || c.storedDead != storedDead {
			t.Fatalf("%d rows and %d dead letters were seen, want %d and %d", c.storedRows, c.storedDead, storedRows, storedDead)
		}
		if int64(told) < want.faults() {
			t.Fatalf("%d differences were told of, %d counted", told, want.faults())
		}
	})
}

// A stream that breaks off in the middle of anything is an error, and never looks like an end.
func TestStreamThatBreaksOff(t *testing.T) {
	t.Parallel()
	whole := letterTuple(1, 5, "x", "bad_time")
	all := append(schema.AppendCopyHeader(nil), whole...)
	for size := range len(all) + 1 {
		s := newTuples(len(letterColumns()), letterPartition)
		s.chunks <- all[:size:size]
		close(s.chunks)
		h, err := s.peek()
		if complete := size == len(all); complete != (err == nil) {
			t.Errorf("%d of %d bytes: %+v, %v", size, len(all), h, err)
		}
		if err != nil {
			continue
		}
		s.skip(h.size)
		if h, err := s.peek(); err == nil {
			t.Errorf("behind the last whole tuple, without a trailer: %+v", h)
		}
	}
}

// Nothing of what was stored could be compared: that proves nothing.
func TestNothingComparedIsNoProof(t *testing.T) {
	t.Parallel()
	r := Report{Share: 1, To: -1, Partitions: []PartitionReport{{Counts: Counts{Unprovable: 3}}}}
	if r.conclude(); r.Proven {
		t.Errorf("the verdict is %q", r.Verdict)
	}
	r = Report{Share: 1, To: -1, Partitions: []PartitionReport{{}}}
	if r.conclude(); !r.Proven {
		t.Errorf("of nothing to be stored the verdict is %q", r.Verdict)
	}
}

// Null and empty, and what no timestamptz can hold, are told apart in dead letters.
func TestDeadLetterValues(t *testing.T) {
	t.Parallel()
	if timestamptz(-1) != nil || timestamptz(9224318015999*1000+1) != nil || timestamptz(0) == nil {
		t.Error("timestamps outside of timestamptz are NULL, others are not")
	}
	null, empty := headerArray([]partlog.Header{{Key: []byte("k")}}), headerArray([]partlog.Header{{Key: []byte("k"), Value: []byte{}}})
	if sameNullable(null, empty) || headerArray(nil) != nil || sameNullable(nil, []byte{}) {
		t.Error("null and empty look the same")
	}
}
