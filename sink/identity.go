package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ridesink/internal/partlog"
)

// identity.go: whether the log that Kafka has is still the one that was read. The ledger keeps what the last covered record was; it is read
// again before a pipeline fetches, and after every change of leader. It works on brokers without topic ids too. Before it: pipeline.go, place, and backfill.go, for
// partitions that need no pipeline.

// ReplacedError says that Kafka has another record where the last covered one was: the log was truncated and has grown again (an unclean
// election, a broker that lost its disk), or the topic was made again.
type ReplacedError struct {
	Topic     string
	Partition int32
	Offset    int64
	Was, Is   string // timestamp and leader epoch, as far as they are known
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("%s/%d: offset %d holds another record than the one that was read (it was %s and is %s): the log was truncated and has grown again, or the topic was made again; look at both, then store what Kafka has now with sink reset --to OFFSET --partition %s/%d from where they agree, or from the beginning with --to earliest",
		e.Topic, e.Partition, e.Offset, e.Was, e.Is, e.Topic, e.Partition)
}

// leadership is who leads a partition, and since which election.
type leadership struct{ broker, epoch int32 }

func leadershipOf(log *partlog.Fetched) leadership {
	return leadership{broker: log.Leader.Leader, epoch: log.Leader.LeaderEpoch}
}

// trust is under which leader the log was seen to be the one that was read.
type trust struct {
	whoever bool // nothing was read yet that could be looked for: the first to answer is right
	proven  bool
	under   leadership // if proven
}

// covers reports whether what log brought can be believed. If not, the last covered record must be looked for again.
func (t *trust) covers(log *partlog.Fetched) bool {
	if t.whoever {
		*t = trust{proven: true, under: leadershipOf(log)}
	}
	return t.proven && t.under == leadershipOf(log)
}

// shaken notes a fetch that failed: without epochs nobody can tell whether the leader is still the same.
func (t *trust) shaken() {
	if t.under.epoch < 0 {
		t.proven = false
	}
}

// lookBack says which record to read again.
type lookBack struct {
	topicPartition
	id    partlog.TopicID
	last  lastRecord
	bytes int // of each buffer; a batch that needs more gets more, one at a time over all partitions
}

// prove reads the last covered record again, as often as it takes until a leader answers. It returns *ReplacedError if it is another one. A
// record that retention or compaction took cannot be compared, and the log is believed. Where the log ends before the record, or the
// topic is gone, nothing is proven: the fetch of the position decides what that means.
func (s *Sink) prove(ctx context.Context, to lookBack) (trust, error) {
	if !to.last.known {
		return trust{whoever: true}, nil
	}
	log := s.log.With("topic", to.topic, "partition", to.partition)
	trouble := s.outage("kafka")
	defer trouble.forget()
	size := to.bytes
	for {
		seen, err := s.compare(ctx, to, size)
		var outOfRange *partlog.OutOfRangeError
		var tooLarge *partlog.TooLargeError
		var corrupt *partlog.CorruptError
		switch {
		case err == nil:
			trouble.ended(ctx)
			return seen, nil
		case ctx.Err() != nil:
			return trust{}, context.Cause(ctx)
		case errors.As(err, &outOfRange):
			return trust{whoever: to.last.offset < outOfRange.LogStart}, nil
		case errors.As(err, &tooLarge) && tooLarge.Size > size && tooLarge.Size <= s.cfg.MaxBatchBytes:
			size = tooLarge.Size
		case errors.As(err, &tooLarge), errors.As(err, &corrupt):
			log.WarnContext(ctx, "the last record that is stored cannot be read again: whether the log is the same is not known", "offset", to.last.offset, "err", err)
			return trust{whoever: true}, nil
		case mendable(err) && !errors.Is(err, partlog.ErrUnknownTopic):
			sleep(ctx, trouble.failed(ctx, err))
		default:
			var replaced *ReplacedError
			if errors.As(err, &replaced) {
				return trust{}, err
			}
			return trust{}, nil
		}
	}
}

// compare reads the record once, in at most size bytes of each buffer.
func (s *Sink) compare(ctx context.Context, to lookBack, size int) (trust, error) {
	if size > to.bytes {
		if err := s.oversized.Acquire(ctx, 1); err != nil {
			return trust{}, err
		}
		defer s.oversized.Release(1)
	}
	last := to.last
	log, err := s.kafka.Log.Partition(to.topic, to.partition).Fetch(ctx, last.offset, partlog.FetchOptions{
		MaxBytes: minFetchBytes, BufferBytes: size, MaxWait: pollWait, TopicID: to.id,
	}, nil)
	if err != nil {
		return trust{}, err
	}
	if log.Next() == last.offset {
		return trust{}, nil
	}
	seen := last
	if epoch, covered := log.Covering(); covered {
		seen.leaderEpoch = epoch
	}
	var r partlog.Record
	if log.Record(&r) && r.Offset == last.offset {
		seen.timestamp = r.Timestamp
	}
	if err := log.Err(); err != nil {
		return trust{}, err
	}
	if seen != last {
		return trust{}, &ReplacedError{Topic: to.topic, Partition: to.partition, Offset: last.offset, Was: last.String(), Is: seen.String()}
	}
	return trust{proven: true, under: leadershipOf(log)}, nil
}

// String describes the record for people.
func (r lastRecord) String() string {
	when := "without a timestamp"
	if r.timestamp >= 0 {
		when = "of " + time.UnixMilli(r.timestamp).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	return fmt.Sprintf("%s in leader epoch %d", when, r.leaderEpoch)
}
