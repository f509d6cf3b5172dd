package page

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNumbersAndTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1,000"},
		{count(-1234567), "-1,234,567"},
		{count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{perSecond(0), "0"},
		{perSecond(0.04), "0"},
		{perSecond(3.14), "3.1"},
		{perSecond(12345.6), "12,346"},
		{short(0.5), "0.5"},
		{short(1500), "1.5k"},
		{short(20e6), "20M"},
		{span(-time.Second), "0 s"},
		{span(59900 * time.Millisecond), "59 s"},
		{span(61 * time.Minute), "1 h 1 min"},
		{span(72 * time.Hour), "3 days"},
		{clock(noon(), noon()), "12:00:00 UTC"},
		{clock(noon().AddDate(0, 0, -1), noon()), "2026-11-22 12:00:00 UTC"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Whatever bytes a record has: what is shown of it is text that can be seen, and nothing that can be seen is changed.
func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"rides":              "rides",
		"Straße 東京 🚕":        "Straße 東京 🚕",
		"a\nb":               `"a\nb"`,
		"\x00\x1b[31m":       `"\x00\x1b[31m"`,
		"\xc3\x28":           `"\xc3("`,
		"safe\u202egnp.exe":  `"safe\u202egnp.exe"`,
		"zero\u200bwidth":    `"zero\u200bwidth"`,
		"no\u00a0break":      `"no\u00a0break"`,
		"line\u2028breaking": `"line\u2028breaking"`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		shown := printable(text)
		if !utf8.ValidString(shown) || strings.IndexFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
			t.Fatalf("%q is shown as %q", text, shown)
		}
	})
}

// The commands that a halt names can be typed as they are shown, and move no other partition.
func TestCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		want   []string
	}{
		{
			"offsets [1,9) are gone from Kafka; go on past them with --on-data-loss=skip, which counts them as lost, or with sink reset --to 9 --partition rides/3",
			[]string{"sink reset --to 9 --partition rides/3"},
		},
		{
			"find out which; then go on with what Kafka has: sink reset --to OFFSET --partition rides.v-2_b/3, or sink reset --recreated",
			[]string{"sink reset --to OFFSET --partition rides.v-2_b/3", "sink reset --recreated"},
		},
		{"to read the new one, remove them with sink reset --recreated, or keep them with --keep-as NAME", []string{"sink reset --recreated"}},
		{"from where they agree: sink reset --to earliest --partition rides/3.", []string{"sink reset --to earliest --partition rides/3"}},
		{"is this a topic of rides? See what they are with sink deadletters list; a higher limit", []string{"sink deadletters list"}},
		{"sink reset --to 9 --partition a; rm -rf /", []string{"sink reset --to 9 --partition"}},
		{"a table is missing", nil},
	} {
		if got := commands(c.reason); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q, want\n%q", c.reason, got, c.want)
		}
	}
}
