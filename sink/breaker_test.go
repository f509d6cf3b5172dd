package sink

import (
	"errors"
	"testing"
)

// fated is a batch whose records are rows or, where a mark is x, dead letters.
func fated(marks string) *batch {
	b := &batch{topicPartition: topicPartition{topic: "rides"}}
	for i, mark := range marks {
		if mark == 'x' {
			b.dead = append(b.dead, deadLetter{offset: int64(i)})
		} else {
			b.index = append(b.index, rowAt{offset: int64(i)})
		}
	}
	return b
}

func repeated(marks string, n int) string {
	all := make([]byte, 0, n)
	for len(all) < n {
		all = append(all, marks...)
	}
	return string(all[:n])
}

// A partition halts where its dead letters pass the limit, and not before.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario, limit string
		stored          int64
		batches         []string
		tripsAt         int // which batch, -1 for none
	}{
		{scenario: "a small topic of nothing but bad records is kept", limit: "90%", batches: []string{repeated("x", 999)}, tripsAt: -1},
		{scenario: "a thousand bad records halt", limit: "90%", batches: []string{repeated("x", 999), "x"}, tripsAt: 1},
		{scenario: "half of them bad is below the share", limit: "90%", batches: []string{repeated(".x", 5000)}, tripsAt: -1},
		{scenario: "half of them bad is a share of its own", limit: "50%", batches: []string{repeated(".x", 999), ".x"}, tripsAt: 1},
		{scenario: "the share is over the last records, not all", limit: "90%", batches: []string{repeated(".", 100_000), repeated("x", 899), "x"}, tripsAt: 2},
		{scenario: "a crowd of bad records in the middle of a batch is seen", limit: "90%", batches: []string{repeated(".", 2000) + repeated("x", 950) + repeated(".", 2000)}, tripsAt: 0},
		{scenario: "good records between let it go on", limit: "90%", batches: []string{repeated("x", 890), repeated(".", 200), repeated("x", 790)}, tripsAt: -1},
		{scenario: "a number counts those of earlier runs", limit: "10", stored: 8, batches: []string{"x..x", "...", "x"}, tripsAt: 2},
		{scenario: "zero allows none", limit: "0", batches: []string{"....", "...x"}, tripsAt: 1},
		{scenario: "off never halts", limit: "off", batches: []string{repeated("x", 5000)}, tripsAt: -1},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			limit, err := ParseDeadLetterLimit(c.limit)
			if err != nil {
				t.Fatal(err)
			}
			k, tripped := breaker{limit: limit, stored: c.stored}, -1
			for i, marks := range c.batches {
				after, err := k.admit(fated(marks))
				if err != nil {
					if !errors.Is(err, ErrTooManyDeadLetters) {
						t.Errorf("%v is not ErrTooManyDeadLetters", err)
					}
					tripped = i
					break
				}
				k = after
			}
			if tripped != c.tripsAt {
				t.Errorf("halts at batch %d, want %d", tripped, c.tripsAt)
			}
		})
	}
}

// What a limit prints is what is read.
func TestParseDeadLetterLimit(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"off", "0", "5000", "90%", "0.5%", "100%"} {
		if l, err := ParseDeadLetterLimit(s); err != nil || l.String() != s {
			t.Errorf("%q is read as %q, %v", s, l, err)
		}
	}
	for _, s := range []string{"", "-1", "0%", "101%", "many", "5 %", "%", "NaN%", "1.5"} {
		if l, err := ParseDeadLetterLimit(s); err == nil {
			t.Errorf("%q is read as %q", s, l)
		}
	}
}

// A topic that is no topic of rides halts soon, with most of it left unread; a higher limit moves it all.
func TestATopicOfSomethingElseHalts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	nonsense := make([][]byte, 5000)
	for i := range nonsense {
		nonsense[i] = []byte(`{"temperature": 21.5}`)
	}
	f.send(0, nonsense...)
	f.send(1, rides(0, 100)...)
	sum := f.backfill(f.config())
	if !sum.Halted() || sum.ThisRun.Inserted != 100 {
		t.Errorf("%+v, want partition 0 halted and the 100 rides of the other stored\n%s", sum.Partitions, f.log)
	}
	if n := sum.ThisRun.DeadLetters; n < 500 || n > 1000 {
		t.Errorf("%d dead letters before the halt, want fewer than the limit and most of them", n)
	}
	cfg := f.config()
	cfg.MaxDeadLetters = DeadLetterLimit{}
	f.backfill(cfg)
	if n := f.count("SELECT count(*) FROM sink_dead_letters"); n != 5000 {
		t.Errorf("%d dead letters without a limit, want 5,000", n)
	}
}
