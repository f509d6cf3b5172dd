package repair

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ridesink/internal/partlog"
)

// target.go: where a reset goes, and whether Kafka can read on from there.

// Target is where a reset goes.
type Target struct {
	kind   targetKind
	offset int64
	time   time.Time
}

type targetKind uint8

const (
	toEarliest targetKind = iota
	toLatest
	toOffset
	toTime
)

// ParseTarget reads earliest, latest, an offset or an RFC 3339 time.
func ParseTarget(s string) (Target, error) {
	switch strings.ToLower(s) {
	case "earliest":
		return Target{kind: toEarliest}, nil
	case "latest":
		return Target{kind: toLatest}, nil
	}
	if offset, err := strconv.ParseInt(s, 10, 64); err == nil && offset >= 0 {
		return Target{kind: toOffset, offset: offset}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return Target{kind: toTime, time: t}, nil
	}
	return Target{}, fmt.Errorf("%q is none of earliest, latest, an offset such as 4200, or a time such as 2020-07-01T00:00:00Z", s)
}

// in returns the offset that t means in one partition, whose position is next. An offset that the log does not hold is refused, unless the
// position is there already: then only a halt is taken back.
func (t Target) in(ctx context.Context, log *partlog.Log, at Place, b partlog.Bounds, next int64) (int64, error) {
	switch t.kind {
	case toEarliest:
		return b.LogStart, nil
	case toLatest:
		return b.LastStable, nil
	case toTime:
		offset, found, err := log.OffsetAt(ctx, at.Topic, at.Partition, t.time)
		switch {
		case err != nil:
			return 0, fmt.Errorf("ask for the offset of %s at %s: %w", at, t.time.Format(time.RFC3339), err)
		case !found:
			return b.LastStable, nil
		}
		return max(offset, b.LogStart), nil
	case toOffset:
	}
	if t.offset != next && (t.offset < b.LogStart || t.offset > b.HighWatermark) {
		return 0, usagef("%s: Kafka has offsets from %d on, and the log ends at %d: --to %d is not in [%d,%d]",
			at, b.LogStart, b.HighWatermark, t.offset, b.LogStart, b.HighWatermark)
	}
	return t.offset, nil
}
