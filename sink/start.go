package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"ridesink/internal/partlog"
)

// start.go: where a topic begins that the ledger does not know yet. assign.go asks, ledger.go makes the rows.

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

// starts says where each partition of topic begins.
func (s *Sink) starts(ctx context.Context, topic partlog.Topic, start Start) ([]newRow, error) {
	bounds, err := s.boundsOf(ctx, topic)
	if err != nil {
		return nil, err
	}
	var committed map[int32]int64
	if start.kind == startCommitted {
		if committed, err = s.committed(ctx, topic.Name, slices.Collect(maps.Keys(bounds))); err != nil {
			return nil, err
		}
	}
	rows := make([]newRow, 0, len(bounds))
	for _, number := range slices.Sorted(maps.Keys(bounds)) {
		b := bounds[number]
		at := b.LogStart
		switch start.kind {
		case startLatest:
			at = b.LastStable
		case startCommitted:
			at = committed[number]
		case startOffset:
			at = start.offset
		case startTime:
			offset, found, err := s.kafka.Log.OffsetAt(ctx, topic.Name, number, start.time)
			if err != nil {
				return nil, fmt.Errorf("ask for the offset of %s/%d at %s: %w", topic.Name, number, start, err)
			}
			if at = b.LastStable; found {
				at = offset
			}
		case startEarliest:
		}
		rows = append(rows, newRow{topicPartition: topicPartition{topic: topic.Name, partition: number}, topicID: topic.ID, start: Position(at)})
	}
	return rows, nil
}

// committed returns the group's committed offsets in Kafka; ErrNoCommittedOffset if a partition has none.
func (s *Sink) committed(ctx context.Context, topic string, partitions []int32) (map[int32]int64, error) {
	numbers := make([]int, 0, len(partitions))
	for _, p := range partitions {
		numbers = append(numbers, int(p))
	}
	response, err := settled(ctx, func() (*kafka.OffsetFetchResponse, error) {
		response, err := s.kafka.Client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: s.cfg.Group, Topics: map[string][]int{topic: numbers}})
		if err == nil {
			err = response.Error
		}
		return response, err
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the committed offsets of group %s: %w", s.cfg.Group, err)
	}
	offsets := map[int32]int64{}
	for _, p := range response.Topics[topic] {
		switch {
		case p.Error != nil:
			return nil, fmt.Errorf("ask for the committed offset of %s/%d: %w", topic, p.Partition, p.Error)
		case p.CommittedOffset < 0:
			return nil, fmt.Errorf("--start committed: %w: group %s, %s/%d; use --start earliest, latest, an offset or a time", ErrNoCommittedOffset, s.cfg.Group, topic, p.Partition)
		}
		offsets[int32(p.Partition)] = p.CommittedOffset
	}
	return offsets, nil
}

// settlePatience is how long a topic or a cluster that was just made may take until each partition has its leader and the group its coordinator.
const settlePatience = 10 * time.Second

// settled asks until the answer is not that somebody is still on the way, for settlePatience at most.
func settled[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for began := time.Now(); ; sleep(ctx, firstWait) {
		answer, err := ask()
		var code kafka.Error
		waits := partlog.Retriable(err) || errors.As(err, &code) && code.Temporary()
		if !waits || time.Since(began) > settlePatience || ctx.Err() != nil {
			return answer, err
		}
	}
}

// boundsOf asks for the bounds of every partition of topic.
func (s *Sink) boundsOf(ctx context.Context, topic partlog.Topic) (map[int32]partlog.Bounds, error) {
	numbers := make([]int32, 0, len(topic.Partitions))
	for _, p := range topic.Partitions {
		numbers = append(numbers, p.Number)
	}
	bounds, err := settled(ctx, func() (map[int32]partlog.Bounds, error) { return s.kafka.Log.Bounds(ctx, topic.Name, numbers...) })
	if err != nil {
		return nil, fmt.Errorf("ask for the offsets of %s: %w", topic.Name, err)
	}
	return bounds, nil
}
