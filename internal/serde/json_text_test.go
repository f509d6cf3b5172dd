package serde

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Numbers are as strconv writes the shortest, whichever way they took.
func TestFloatsAreShortest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.OneOf(
			rapid.Float64(),
			rapid.Map(rapid.Int64(), func(i int64) float64 { return float64(i%1e16) / 100 }),
			rapid.Map(rapid.Int64(), func(i int64) float64 { return math.Nextafter(float64(i%1e6)/100, 1e9) }),
		).Draw(t, "f")
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return
		}
		got := string(appendFloat(nil, f, 64))
		back, err := strconv.ParseFloat(got, 64)
		shortest := strconv.FormatFloat(f, 'f', -1, 64)
		if exponent := strconv.FormatFloat(f, 'e', -1, 64); got != shortest && got != exponent || err != nil || math.Float64bits(back) != math.Float64bits(f) {
			t.Fatalf("%s is %s, want %s or %s", shortest, got, shortest, exponent)
		}
	})
}

// Text is as encoding/json reads it back.
func TestTextComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a"\\\x00-\x1fé]{0,40}`)).Draw(t, "text")
		var back string
		if err := json.Unmarshal(appendText(nil, []byte(text)), &back); err != nil || back != text {
			t.Fatalf("%q came back as %q: %v", text, back, err)
		}
	})
}
