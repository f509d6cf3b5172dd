package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"ridesink/internal/partlog"
)

// adapt.go: a range that does not go the usual way: a batch of the log above its share, a transaction that takes too long, records that PostgreSQL
// refuses. Before it pipeline.go.

// adapt handles what the pipeline itself can mend: it returns nil if it can go on.
func (p *pipeline) adapt(stop, work context.Context, err error) error {
	var tooLarge *partlog.TooLargeError
	var slow *slowError
	var refused *refusedError
	if errors.As(err, &tooLarge) && tooLarge.Size <= p.sink.cfg.MaxBatchBytes {
		err = p.moveOversized(stop, work, tooLarge.Size)
	}
	switch {
	case errors.As(err, &tooLarge):
		return p.tooLarge(tooLarge)
	case errors.As(err, &refused):
		p.remember(refused.records)
		return nil
	case errors.As(err, &slow) && slow.smaller:
		return nil
	}
	return err
}

// moveOversized moves the partition over one batch of the log that is larger than its share, while no other partition does the same.
func (p *pipeline) moveOversized(stop, work context.Context, size int) error {
	if err := p.place(work); err != nil {
		return err
	}
	if err := p.sink.oversized.Acquire(work, 1); err != nil {
		return context.Cause(work)
	}
	defer p.sink.oversized.Release(1)
	for {
		large := newShare(size, size)
		large.once = true
		err := p.move(stop, work, large)
		var tooLarge *partlog.TooLargeError
		switch {
		case errors.Is(err, errMoved), errors.Is(err, errReread):
			return nil
		case errors.As(err, &tooLarge) && tooLarge.Size > size && tooLarge.Size <= p.sink.cfg.MaxBatchBytes:
			size = tooLarge.Size // it needs still more once it is decompressed
		default:
			return err
		}
	}
}

// remember keeps which records PostgreSQL refused, until they are stored as dead letters.
func (p *pipeline) remember(refused []refusal) {
	at := int64(p.state.position())
	maps.DeleteFunc(p.refused, func(offset int64, _ refusal) bool { return offset < at })
	if p.refused == nil {
		p.refused = map[int64]refusal{}
	}
	for _, record := range refused {
		p.refused[record.offset] = record
	}
}

// tooLarge says what an operator can do about a batch that is above the limit.
func (p *pipeline) tooLarge(tooLarge *partlog.TooLargeError) error {
	without := ""
	if tooLarge.Next > tooLarge.First {
		without = fmt.Sprintf("; to go on without it, which counts it as lost: sink reset --to %d --partition %s", tooLarge.Next, p.topicPartition)
	}
	return fmt.Errorf("%s: position %d: %w, above --max-batch-bytes %d: raise it and start again%s",
		p.topicPartition, p.state.position(), tooLarge, p.sink.cfg.MaxBatchBytes, without)
}
