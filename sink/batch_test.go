package sink

import (
	"bytes"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"ridesink/schema"
)

// A batch from which any rows are rejected is the batch that would have been built from the others, and its counts still close.
func TestRejectLeavesTheOtherRowsAsTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tuples := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 20), 1, 30).Draw(t, "tuples")
		bad := rapid.SliceOfN(rapid.Bool(), len(tuples), len(tuples)).Draw(t, "bad")
		build := func(take func(i int) bool) *batch {
			b := new(batch)
			b.reset(topicPartition{topic: "rides"}, 100, 1<<20)
			for i, tuple := range tuples {
				if take(i) {
					b.index = append(b.index, rowAt{offset: int64(100 + i), begin: len(b.rows)})
					b.rows = append(b.rows, tuple...)
					b.counts.inserted++
				}
			}
			b.next = Position(100 + len(tuples))
			b.seal()
			return b
		}
		got, want := build(func(int) bool { return true }), build(func(i int) bool { return !bad[i] })
		var rejected []rejection
		var letters []deadLetter
		for i := range tuples {
			if bad[i] {
				rejected = append(rejected, rejection{row: i, err: &pgconn.PgError{}})
				letters = append(letters, deadLetter{offset: int64(100 + i)})
			}
		}
		got.reject(rejected, letters)
		if !bytes.Equal(got.rows, want.rows) || !slices.Equal(got.index, want.index) {
			t.Fatalf("rows %x at %v, want %x at %v", got.rows, got.index, want.rows, want.index)
		}
		if sum := got.counts.sum(); sum != int64(len(tuples)) || got.counts.deadLettered != int64(len(rejected)) || len(got.dead) != len(rejected) {
			t.Fatalf("counts %+v and %d dead letters for %d rows, %d of them bad", got.counts, len(got.dead), len(tuples), len(rejected))
		}
	})
}

func TestCopyFraming(t *testing.T) {
	t.Parallel()
	if n := len(schema.AppendCopyTrailer(nil)); n != copyTrailerBytes {
		t.Errorf("the trailer of a COPY stream has %d bytes, batch.go counts on %d", n, copyTrailerBytes)
	}
}
