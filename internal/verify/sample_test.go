package verify

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"1%": 0.01, "0.5": 0.5, "100%": 1, " 25% ": 0.25, "1": 1} {
		if got, err := ParseShare(text); err != nil || got != want {
			t.Errorf("ParseShare(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "0%", "-1%", "101%", "1.1", "NaN", "x", "%"} {
		if got, err := ParseShare(text); err == nil {
			t.Errorf("ParseShare(%q) = %v, want an error", text, got)
		}
	}
}

// The ranges of within hold exactly the offsets that has names, whatever the bounds and the share, and count counts them.
func TestRangesHoldWhatIsSelected(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSelection(Config{
			From: rapid.Int64Range(0, 9000).Draw(t, "from"), To: rapid.SampledFrom([]int64{-1, 1, 5000, 12_000}).Draw(t, "to"),
			Share: rapid.SampledFrom([]float64{0, 0.01, 0.3, 0.9, 1}).Draw(t, "share"), Seed: rapid.Uint64().Draw(t, "seed"),
		})
		partition := rapid.Int32Range(0, 1<<30).Draw(t, "partition")
		first := rapid.Int64Range(0, 8000).Draw(t, "first")
		next := first + rapid.Int64Range(0, 8000).Draw(t, "length")
		got := map[int64]bool{}
		for at := first; ; {
			r := s.within(partition, at, next)
			if r.first >= r.next {
				break
			}
			if r.first < at || r.next > next {
				t.Fatalf("%v is not within [%d,%d)", r, at, next)
			}
			for offset := r.first; offset < r.next; offset++ {
				got[offset] = true
			}
			at = r.next
		}
		want := 0
		for offset := first; offset < next; offset++ {
			if s.has(partition, offset) {
				want++
			}
			if got[offset] != s.has(partition, offset) {
				t.Fatalf("offset %d: in a range: %t, selected: %t", offset, got[offset], s.has(partition, offset))
			}
		}
		if n := s.count(partition, first, next); n != int64(want) || len(got) != want {
			t.Fatalf("count says %d, ranges hold %d, selected are %d", n, len(got), want)
		}
	})
}

// A share is about that share of a large topic, and another seed is another choice.
func TestShareIsAShare(t *testing.T) {
	t.Parallel()
	chosen := map[int64]bool{}
	for seed := range uint64(20) {
		s := newSelection(Config{To: -1, Share: 0.05, Seed: seed})
		n := s.count(3, 0, 10_000*blockOffsets)
		if n < 10_000*blockOffsets*4/100 || n > 10_000*blockOffsets*6/100 {
			t.Errorf("seed %d: 5%% of %d offsets are %d", seed, 10_000*blockOffsets, n)
		}
		chosen[s.within(3, 0, 10_000*blockOffsets).first] = true
	}
	if len(chosen) < 10 {
		t.Errorf("20 seeds begin with only %d different blocks", len(chosen))
	}
}

func TestConditionNamesThePartitionsOfTheTopic(t *testing.T) {
	t.Parallel()
	s := newSelection(Config{To: 9, From: 4, Partitions: []Place{{Topic: "a", Partition: 1}, {Partition: 2}, {Topic: "b", Partition: 3}}})
	for topic, want := range map[string]string{"a": "IN (1, 2)", "b": "IN (2, 3)", "c": "IN (2)"} {
		if got := s.condition(topic); !strings.Contains(got, want) || !strings.Contains(got, "kafka_offset >= 4") || !strings.Contains(got, "kafka_offset < 9") {
			t.Errorf("topic %s: %s", topic, got)
		}
	}
	if got := newSelection(Config{To: -1, Partitions: []Place{{Topic: "a", Partition: 1}}}).condition("b"); got != " AND false" {
		t.Errorf("a topic without partitions: %q", got)
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"rides": "'rides'", "o'clock": "'o''clock'", `a\b'`: ` E'a\\b'''`} {
		if got := literal(text); got != want {
			t.Errorf("literal(%q) = %s, want %s", text, got, want)
		}
	}
}
