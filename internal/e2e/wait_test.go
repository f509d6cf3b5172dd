package e2e

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// wait_test.go waits on conditions, and seeds what is random.

// pollEvery is how often a condition is looked at.
const pollEvery = 20 * time.Millisecond

// longWait is for what takes seconds on a machine of its own, and more beside others.
const longWait = 2 * time.Minute

// eventually calls look until it says that the condition holds. After the deadline it fails the test with what was waited for and the
// last state that look described.
func eventually(t testing.TB, within time.Duration, what string, look func() (done bool, state string)) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		done, state := look()
		if done {
			return
		}
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatalf("waited for %s: the test ended; last state: %s", what, state)
		case <-deadline.C:
			t.Fatalf("waited %s for %s; last state: %s", within, what, state)
		}
	}
}

// receive waits for a value or the closing of c.
func receive[T any](t testing.TB, within time.Duration, what string, c <-chan T) T {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		t.Fatalf("waited %s for %s", within, what)
		panic("unreachable")
	}
}

// random returns a generator of t's own. Its seed is TEST_SEED, else the clock, mixed with the test's name, and is printed.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("TEST_SEED"); given != "" {
		n, err := strconv.ParseUint(given, 10, 64)
		if err != nil {
			t.Fatalf("TEST_SEED is %q: it must be a whole number", given)
		}
		seed = n
	}
	t.Logf("replay with TEST_SEED=%d", seed)
	name := fnv.New64a()
	fmt.Fprint(name, t.Name())
	return rand.New(rand.NewPCG(seed, name.Sum64()))
}
