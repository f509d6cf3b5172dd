package page

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// However long it runs, the ring holds a quarter of an hour, in order, and the rates are those of the last samples.
func TestSamples(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s samples
		at, total := noon(), int64(0)
		var moved []int64
		steps := rapid.IntRange(1, 3*sampleCount).Draw(t, "steps")
		for range steps {
			n := rapid.Int64Range(0, 1e6).Draw(t, "records")
			total, at = total+n, at.Add(sampleEvery)
			moved = append(moved, n)
			s.add(at, Now{Moved: Counts{Inserted: total}, Partitions: []Partition{{Topic: "rides", Moved: total, Lag: n}}})
		}
		list := s.since(at.Add(-history))
		if want := min(steps, sampleCount); len(list) != want {
			t.Fatalf("%d samples after %d steps, want %d", len(list), steps, want)
		}
		for i, one := range list {
			n := moved[len(moved)-len(list)+i]
			first := len(list) == steps && i == 0
			if one.lag != n || one.known == first || one.known && one.rate != float64(n)/sampleEvery.Seconds() {
				t.Fatalf("sample %d of %d: %+v; %d records were moved", i, len(list), one, n)
			}
			if i > 0 && !one.at.After(list[i-1].at) {
				t.Fatalf("sample %d is not after the one before", i)
			}
		}
		rate, known := s.rate()
		of, knownOf := s.rateOf(place{"rides", 0})
		span := min(rateSpan, steps-1)
		want := 0.0
		for _, n := range moved[len(moved)-span:] {
			want += float64(n)
		}
		if want /= max(1, float64(span)) * sampleEvery.Seconds(); known != (steps > 1) || rate != want || of != rate || knownOf != known {
			t.Fatalf("rate %v %t, of the partition %v %t; want %v", rate, known, of, knownOf, want)
		}
	})
}

// A partition that comes has no rate before its second sample, one that went has none any more.
func TestSamplesOfPartitionsThatComeAndGo(t *testing.T) {
	t.Parallel()
	var s samples
	at := noon()
	for i, partitions := range [][]Partition{
		{{Topic: "a", Moved: 0}},
		{{Topic: "a", Moved: 50}, {Topic: "b", Moved: 10}},
		{{Topic: "b", Moved: 35}},
	} {
		at = at.Add(sampleEvery)
		s.add(at, Now{Partitions: partitions})
		_, a := s.rateOf(place{topic: "a"})
		rate, b := s.rateOf(place{topic: "b"})
		if want := []bool{false, true, false}[i]; a != want {
			t.Errorf("sample %d: rate of a known: %t", i, a)
		}
		if want := []bool{false, false, true}[i]; b != want || b && rate != 5 {
			t.Errorf("sample %d: rate of b: %v %t", i, rate, b)
		}
	}
}

// Sampling takes no more memory after hours than after minutes.
func TestSamplesAllocateNothing(t *testing.T) {
	var s samples
	now := Now{}
	for i := range int32(256) {
		now.Partitions = append(now.Partitions, Partition{Topic: "rides", Partition: i})
	}
	at := noon()
	add := func() { at = at.Add(sampleEvery); s.add(at, now) }
	for range 10 {
		add()
	}
	if n := testing.AllocsPerRun(1000, add); n != 0 {
		t.Errorf("%v allocations a sample", n)
	}
}

// A curve stays inside its frame, a gap interrupts it, an outage shades it.
func TestDraw(t *testing.T) {
	t.Parallel()
	now := noon()
	ago := func(minutes float64) time.Time { return now.Add(-time.Duration(minutes * float64(time.Minute))) }
	c := draw("lag", "Lag", "records", []point{
		{ago(20), 5, true}, {ago(10), 70, true}, {ago(9), 0, false}, {ago(5), 35, true}, {ago(0), 0, true},
	}, now)
	if want := "M0.0 95.0L300.0 30.0M600.0 65.0L900.0 100.0"; c.Line != want {
		t.Errorf("line %s, want %s", c.Line, want)
	}
	if n := strings.Count(c.Area, "Z"); n != 2 {
		t.Errorf("area %s has %d parts, want 2", c.Area, n)
	}
	if want := "[100 50 0]"; fmt.Sprint(c.Ticks) != want {
		t.Errorf("ticks %v, want %s", c.Ticks, want)
	}
	if want := "The last 15 minutes: now 0, lowest 0, highest 70 records."; c.Summary != want {
		t.Errorf("summary %q, want %q", c.Summary, want)
	}
	if empty := draw("lag", "Lag", "records", nil, now); empty.Line != "" || empty.Now != "–" {
		t.Errorf("nothing draws %+v", empty)
	}
	got := bands([]sample{{at: ago(10), away: true}, {at: ago(9), away: true}, {at: ago(5)}, {at: ago(0), away: true}}, now)
	if want := "[{300.0 60.0} {900.0 4.0}]"; fmt.Sprint(got) != want {
		t.Errorf("bands %v, want %s", got, want)
	}
	for n, want := range map[float64]float64{0: 2, 2: 2, 3: 4, 4.5: 5, 9: 10, 11: 20, 999: 1000, 1001: 2000, 34e6: 40e6} {
		if got := nice(n); got != want {
			t.Errorf("an axis for %v ends at %v, want %v", n, got, want)
		}
	}
}
