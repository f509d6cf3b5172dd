package sink

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// start.go: where a topic begins that the ledger does not know yet. After it: ledger.go, which makes the rows.

// Start says where a topic begins that has no row in sink_ledger. Once it has one, the ledger alone decides.
type Start struct {
	kind   startKind
	offset int64
	time   time.Time
}

type startKind uint8

const (
	startEarliest startKind = iota
	startLatest
	startCommitted
	startOffset
	startTime
)

// StartEarliest begins at the log start offset of each partition. It is the zero value and the default.
func StartEarliest() Start { return Start{} }

// ParseStart reads earliest, latest, committed (the group's committed offsets in Kafka), a decimal offset (the same for every
// partition) or an RFC 3339 time (the first record as late as that; the end where there is none).
func ParseStart(s string) (Start, error) {
	switch strings.ToLower(s) {
	case "", "earliest":
		return Start{kind: startEarliest}, nil
	case "latest":
		return Start{kind: startLatest}, nil
	case "committed":
		return Start{kind: startCommitted}, nil
	}
	if offset, err := strconv.ParseInt(s, 10, 64); err == nil && offset >= 0 {
		return Start{kind: startOffset, offset: offset}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return Start{kind: startTime, time: t}, nil
	}
	return Start{}, fmt.Errorf("%q is none of earliest, latest, committed, an offset such as 4200, or a time such as 2020-07-01T00:00:00Z", s)
}

// String returns what ParseStart reads.
func (s Start) String() string {
	switch s.kind {
	case startLatest:
		return "latest"
	case startCommitted:
		return "committed"
	case startOffset:
		return strconv.FormatInt(s.offset, 10)
	case startTime:
		return s.time.Format(time.RFC3339)
	default:
		return "earliest"
	}
}
