package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// text.go: numbers, times and untrusted text as a reader sees them.

// printable returns s if all of it can be seen, else s quoted: no control character, no right-to-left override, no broken UTF-8 gets through.
func printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}

// count writes 1234567 as 1,234,567.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// perSecond writes a rate with as many digits as mean something.
func perSecond(rate float64) string {
	if rate > 0 && rate < 10 {
		return strconv.FormatFloat(math.Round(rate*10)/10, 'f', -1, 64)
	}
	return count(int64(math.Round(rate)))
}

// short writes a number for the axis of a chart: 1.5k, 20M.
func short(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.size {
			return strconv.FormatFloat(n/unit.size, 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// span writes a duration by its largest unit or two.
func span(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// clock writes a moment of today as a time, another with its date, both in UTC.
func clock(t, now time.Time) string {
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04:05") + " UTC"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// serverName is how a server is called in a sentence.
func serverName(server string) string {
	switch server {
	case "postgres":
		return "PostgreSQL"
	case "kafka":
		return "Kafka"
	case "schema_registry":
		return "Schema Registry"
	}
	return printable(server)
}

// commandPattern finds a command of the sink in a sentence.
var commandPattern = regexp.MustCompile(`\bsink (?:reset|deadletters|migrate|verify)(?: (?:--partition [A-Za-z0-9._/-]*[0-9]|--[a-z-]+|list|up|earliest|latest|OFFSET|[0-9]+\b))*`)

// commands returns the commands that a reason for a halt names.
func commands(reason string) []string { return commandPattern.FindAllString(reason, -1) }

// shellWord quotes s for a shell where it must be.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-/", r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(printable(s), "'", `'\''`) + "'"
}
