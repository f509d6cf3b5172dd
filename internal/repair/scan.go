package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
)

// scan.go: reads a range of the log again, to count what the tables do not hold.

// seen is what a range of the log holds beside records with values: offsets that were accepted as lost are not in it.
type seen struct {
	tombstones, notRecords int64
	unread                 string // why some of it could not be read, "" if all was
}

func (s seen) plus(o seen) seen {
	s.tombstones += o.tombstones
	s.notRecords += o.notRecords
	if s.unread == "" {
		s.unread = o.unread
	}
	return s
}

const (
	scanFetchBytes = 1 << 20
	scanWait       = 500 * time.Millisecond
	// scanPatience is how long a scan tries on while brokers do not answer. What it could not read is derived, and said so.
	scanPatience = 15 * time.Second
	scanRetry    = 250 * time.Millisecond
)

// scan reads [first,next) of a partition's log. What cannot be read is no error: seen says so.
func (r *Repair) scan(ctx context.Context, at Place, first, next int64, lost ranges) (seen, error) {
	var found seen
	reader := r.kafka.Log.Partition(at.Topic, at.Partition)
	var into *partlog.Fetched
	var failingSince time.Time
	for position := first; position < next; {
		if ctx.Err() != nil {
			return found, context.Cause(ctx)
		}
		log, err := reader.Fetch(ctx, position, partlog.FetchOptions{MaxBytes: scanFetchBytes, BufferBytes: r.maxBatchBytes, MaxWait: scanWait}, into)
		if err == nil {
			failingSince = time.Time{}
			into = log
			if log.Next() == position {
				found.unread = fmt.Sprintf("the log cannot be read beyond %d yet", position)
				return found, nil
			}
			position, err = found.count(log, next, lost), log.Err()
		}
		var corrupt *partlog.CorruptError
		var outOfRange *partlog.OutOfRangeError
		switch {
		case err == nil:
		case errors.As(err, &corrupt) && corrupt.Next > position:
			found.unread = err.Error()
			position = corrupt.Next
		case errors.As(err, &outOfRange) && position < outOfRange.LogStart:
			found.unread = fmt.Sprintf("offsets below %d are gone from Kafka", outOfRange.LogStart)
			position = outOfRange.LogStart
		case partlog.Retriable(err) && (failingSince.IsZero() || time.Since(failingSince) < scanPatience):
			if failingSince.IsZero() {
				failingSince = time.Now()
			}
			_ = servers.Pause(ctx, scanRetry) // the next try asks ctx
		default:
			found.unread = err.Error()
			return found, nil
		}
	}
	return found, nil
}

// count counts what log holds below next, and returns the position behind it.
func (s *seen) count(log *partlog.Fetched, next int64, lost ranges) int64 {
	position := log.First()
	gap := func(to int64) {
		if to = min(to, next); to > position {
			s.notRecords += to - position - lost.within(position, to)
			position = to
		}
	}
	var r partlog.Record
	for position < next && log.Record(&r) {
		gap(r.Offset)
		if r.Offset >= next {
			return position
		}
		if r.Value == nil && lost.within(r.Offset, r.Offset+1) == 0 {
			s.tombstones++
		}
		position = r.Offset + 1
	}
	gap(log.Position())
	return position
}

// lastRecord identifies the record that a position rests on.
type lastRecord struct {
	offset, timestamp int64
	leaderEpoch       int32
}

// lastBefore reads the record right below an offset; nil if there is none, or it cannot be read: then nothing is known.
func (r *Repair) lastBefore(ctx context.Context, at Place, offset int64) *lastRecord {
	if offset == 0 {
		return nil
	}
	log, err := r.kafka.Log.Partition(at.Topic, at.Partition).Fetch(ctx, offset-1,
		partlog.FetchOptions{MaxBytes: scanFetchBytes, BufferBytes: r.maxBatchBytes, MaxWait: scanWait}, nil)
	if err != nil {
		return nil
	}
	var record partlog.Record
	if !log.Record(&record) || record.Offset != offset-1 {
		return nil
	}
	return &lastRecord{offset: record.Offset, timestamp: record.Timestamp, leaderEpoch: record.LeaderEpoch}
}
