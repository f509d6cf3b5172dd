package partlog

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// offsets.go: ListOffsets: where a partition's log begins and ends, and which offset a time has.

// Bounds are a partition's log at one moment. After a leader change the two ends may for a while be lower than before.
type Bounds struct {
	LogStart      int64 // the first offset that the broker still has
	LastStable    int64 // the end for a reader of committed records: open transactions begin here
	HighWatermark int64 // the end of what is replicated
}

// Special timestamps and isolation levels of ListOffsets.
const (
	earliestTimestamp = -2
	latestTimestamp   = -1
	readUncommitted   = 0
	readCommitted     = 1
)

// Bounds asks each partition's leader for its bounds. It fails as a whole if one partition does.
func (l *Log) Bounds(ctx context.Context, topic string, partitions ...int32) (map[int32]Bounds, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	bounds := make(map[int32]Bounds, len(partitions))
	for _, ask := range []struct {
		timestamp int64
		isolation int8
		put       func(b *Bounds, offset int64)
	}{
		{earliestTimestamp, readUncommitted, func(b *Bounds, offset int64) { b.LogStart = offset }},
		{latestTimestamp, readCommitted, func(b *Bounds, offset int64) { b.LastStable = offset }},
		{latestTimestamp, readUncommitted, func(b *Bounds, offset int64) { b.HighWatermark = offset }},
	} {
		offsets, err := l.listOffsets(ctx, topic, partitions, ask.timestamp, ask.isolation)
		if err != nil {
			return nil, err
		}
		for partition, offset := range offsets {
			b := bounds[partition]
			ask.put(&b, offset)
			bounds[partition] = b
		}
	}
	return bounds, nil
}

// OffsetAt returns the offset of the first record whose timestamp is t or later; found is false if there is none.
func (l *Log) OffsetAt(ctx context.Context, topic string, partition int32, t time.Time) (offset int64, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	offsets, err := l.listOffsets(ctx, topic, []int32{partition}, max(0, t.UnixMilli()), readCommitted)
	if err != nil {
		return 0, false, err
	}
	return offsets[partition], offsets[partition] >= 0, nil
}

// listOffsets asks the leaders of partitions, one request for each leader.
func (l *Log) listOffsets(ctx context.Context, topic string, partitions []int32, timestamp int64, isolation int8) (map[int32]int64, error) {
	requests := map[int32]*offsetsRequest{}
	for _, number := range partitions {
		p, err := l.leader(ctx, topic, number)
		if err != nil {
			return nil, err
		}
		if requests[p.Leader] == nil {
			requests[p.Leader] = &offsetsRequest{
				exchange: exchange{leader: p.Leader}, correlation: l.correlation.Add(1), clientID: l.cfg.ClientID,
				topic: topic, timestamp: timestamp, isolation: isolation,
			}
		}
		requests[p.Leader].partitions = append(requests[p.Leader].partitions, p)
	}
	offsets := make(map[int32]int64, len(partitions))
	for _, r := range requests {
		asked := r.partitions[0]
		answer, err := l.roundTrip(ctx, r)
		if err != nil {
			l.forget(topic, asked)
			return nil, fmt.Errorf("offsets of %s: %w", topic, err)
		}
		for _, p := range answer.(*offsetsResponse).partitions {
			if err := brokerError(fmt.Sprintf("offsets of %s/%d", topic, p.number), p.code); err != nil {
				l.forget(topic, asked)
				return nil, err
			}
			offsets[p.number] = p.offset
		}
	}
	for _, number := range partitions {
		if _, answered := offsets[number]; !answered {
			return nil, fmt.Errorf("offsets of %s/%d: %w: the partition is missing", topic, number, errAnswer)
		}
	}
	return offsets, nil
}

// offsetsRequest asks one leader.
type offsetsRequest struct {
	exchange
	correlation int32
	clientID    string
	version     int16
	topic       string
	partitions  []Partition
	timestamp   int64
	isolation   int8
}

type offsetsResponse struct{ partitions []partitionOffset }

type partitionOffset struct {
	number int32
	code   int16
	offset int64 // -1 if no record is as late as the time asked for
}

// ApiKey implements protocol.Message.
func (*offsetsRequest) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

// ApiKey implements protocol.Message.
func (*offsetsResponse) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

// Required notes the version: 2 to 5 are spoken, 2 brought isolation levels, 4 leader epochs.
func (m *offsetsRequest) Required(versions map[protocol.ApiKey]int16) bool {
	m.version = min(versions[protocol.ListOffsets], 5)
	return true
}

// RawExchange implements protocol.RawExchanger.
func (m *offsetsRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if m.version < 2 {
		return nil, fmt.Errorf("the broker speaks ListOffsets up to %d: %w", m.version, ErrTooOld)
	}
	r := newRequest(int16(protocol.ListOffsets), m.version, m.correlation, m.clientID, false)
	r.int32(-1) // no replica
	r.int8(m.isolation)
	r.array(1)
	r.string(m.topic)
	r.array(len(m.partitions))
	for _, p := range m.partitions {
		r.int32(p.Number)
		if m.version >= 4 {
			r.int32(p.LeaderEpoch)
		}
		r.int64(m.timestamp)
	}
	if err := r.send(rw); err != nil {
		return nil, err
	}
	body, _, err := receive(rw, nil, metadataMaxBytes, m.correlation, false)
	if err != nil {
		return nil, err
	}
	return readOffsets(&body, m.version)
}

func readOffsets(r *response, version int16) (*offsetsResponse, error) {
	r.int32() // throttle time
	var m offsetsResponse
	for range r.array(6) {
		r.string() // topic
		for range r.array(22) {
			p := partitionOffset{number: r.int32(), code: r.int16()}
			r.int64() // timestamp
			p.offset = r.int64()
			if version >= 4 {
				r.int32() // leader epoch
			}
			m.partitions = append(m.partitions, p)
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("read offsets: %w", r.err)
	}
	return &m, nil
}
