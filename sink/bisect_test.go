package sink

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ridesink/schema"
)

// Whatever rows PostgreSQL refuses of a batch are found, the first of them where they are many, for about log n COPYs each; and nothing is stored.
func TestBisect(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.exec("ALTER TABLE rides ADD CONSTRAINT small CHECK (vendor_id < 1000)")
	s := f.sink(f.config())
	decoder := schema.NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 600).Draw(t, "rows")
		every := rapid.SampledFrom([]int{1, 2, 7, 100, 599}).Draw(t, "one bad in")
		first := rapid.IntRange(0, n-1).Draw(t, "first bad")
		b := new(batch)
		b.reset(topicPartition{topic: f.topic}, 0, newShare(1<<20, 1<<20))
		var want []int64
		for i := range n {
			value := rides(i%1000, 1)[0]
			if i >= first && (i-first)%every == 0 {
				value, want = rides(1000+i, 1)[0], append(want, int64(i))
			}
			begin := len(b.rows)
			rows, err := decoder.AppendRow(b.rows, schema.Coordinates{Topic: f.topic, Offset: int64(i)}, value)
			if err != nil {
				t.Fatal(err)
			}
			b.rows, b.index = rows, append(b.index, rowAt{offset: int64(i), begin: begin})
		}
		b.next = Position(n)
		b.seal()
		search, err := s.writer.bisect(f.t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range search.found {
			got = append(got, r.offset)
			if r.sqlstate != "23514" {
				t.Fatalf("SQLSTATE %s, want 23514", r.sqlstate)
			}
		}
		want = want[:min(len(want), deadLettersPerBatch)]
		if !slices.Equal(got, want) {
			t.Fatalf("found %v, want %v", got, want)
		}
		if most := 1 + 2*len(want)*(1+int(math.Ceil(math.Log2(float64(n))))); search.copies > most {
			t.Fatalf("%d COPYs for %d bad of %d rows, want at most %d", search.copies, len(want), n, most)
		}
	})
	if n := f.count("SELECT count(*) FROM rides"); n != 0 {
		t.Errorf("%d rides were stored by looking", n)
	}
}
