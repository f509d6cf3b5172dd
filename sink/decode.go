package sink

import (
	"context"
	"errors"
	"fmt"

	"ridesink/internal/partlog"
	"ridesink/internal/serde"
	"ridesink/schema"
)

// decode.go: the second stage of a pipeline, from chunks of the log to batches of rows. Before it fetch.go; after it write.go.

// decode turns chunks into batches until in is closed, then closes out. A batch goes to the writer as soon as the writer is free or the
// batch is full; until then it grows. Responses go back to share, where the batches come from.
func (p *pipeline) decode(ctx context.Context, first Position, share *share, in <-chan chunk, out chan<- *batch) error {
	defer close(out)
	d := decoding{pipeline: p, next: first, share: share, out: out}
	for {
		var ready chan<- *batch
		if d.b != nil {
			ready = out
		}
		select {
		case ready <- d.b:
			d.b = nil
		case c, open := <-in:
			if !open {
				return d.handOver(ctx)
			}
			last, err := d.chunk(ctx, c)
			if err != nil || last {
				return err
			}
			share.responses <- c.log
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// decoding is the state of one run of the stage.
type decoding struct {
	*pipeline
	next  Position // where the next batch begins
	share *share
	out   chan<- *batch
	b     *batch // growing, nil while there is nothing in it
}

// chunk decodes c. last says that nothing may follow it.
func (d *decoding) chunk(ctx context.Context, c chunk) (last bool, err error) {
	switch {
	case c.err != nil:
		return true, d.end(ctx, c.err)
	case c.lost != nil:
		return true, d.lost(ctx, *c.lost)
	}
	if err := d.records(ctx, c.log); err != nil {
		return false, err
	}
	if err := c.log.Err(); err != nil {
		return true, d.end(ctx, d.passable(err))
	}
	return false, nil
}

// records decodes all records of a piece of the log.
func (d *decoding) records(ctx context.Context, log *partlog.Fetched) error {
	var r partlog.Record
	var notRecords int64 // of log, as far as they are counted
	for log.Record(&r) {
		if err := d.open(ctx); err != nil {
			return err
		}
		d.b.counts.notRecords += log.NotRecords() - notRecords
		notRecords = log.NotRecords()
		if err := d.record(ctx, &r); err != nil {
			if err = d.outwait(ctx, &r, err); err != nil {
				return err
			}
		}
		d.next = d.b.next
		if d.b.full(min(d.rows.bytes(), d.share.rows)) {
			if err := d.handOver(ctx); err != nil {
				return err
			}
		}
	}
	if trailing := log.NotRecords() - notRecords; trailing > 0 {
		if err := d.open(ctx); err != nil {
			return err
		}
		d.b.counts.notRecords += trailing
		d.b.next = Position(log.Position())
		d.next = d.b.next
	}
	p := d.pipeline
	if log.Bytes() > 0 {
		p.ratioPercent.Store(int64(log.DecompressedBytes()) * 100 / int64(log.Bytes()))
	}
	return nil
}

// record puts one record where it belongs. After a *serde.UnavailableError it is nowhere yet.
func (d *decoding) record(ctx context.Context, r *partlog.Record) error {
	b := d.b
	if r.Value == nil {
		b.covers(r)
		b.counts.tombstones++
		return nil
	}
	if refused, known := d.refused[r.Offset]; known {
		b.covers(r)
		return d.bury(r, schema.ReasonRejected, refused.why, refused.sqlstate)
	}
	begin := len(b.rows)
	rows, err := d.decoder.AppendRow(ctx, b.rows, schema.Coordinates{
		Topic: d.topic, Partition: d.partition, Offset: r.Offset, Timestamp: r.Timestamp,
	}, r.Value)
	if err != nil {
		return d.notDecoded(r, err)
	}
	b.covers(r)
	b.rows = rows
	b.index = append(b.index, rowAt{offset: r.Offset, begin: begin})
	b.counts.inserted++
	return nil
}

// notDecoded keeps a record that is no ride. Any other err is returned. It is a function of its own because errors.As has its target on the heap, which
// rides need not pay for.
func (d *decoding) notDecoded(r *partlog.Record, err error) error {
	var bad *schema.DecodeError
	if !errors.As(err, &bad) {
		return fmt.Errorf("decode %s at offset %d: %w", d.topicPartition, r.Offset, err)
	}
	d.b.covers(r)
	return d.bury(r, bad.Reason, bad.Error(), "")
}

// outwait puts a record where it belongs whose schema could not be had: what was decoded before it is written meanwhile. Any other err is returned.
func (d *decoding) outwait(ctx context.Context, r *partlog.Record, err error) error {
	var away *serde.UnavailableError
	if !errors.As(err, &away) {
		return err
	}
	if err := d.handOver(ctx); err != nil {
		return err
	}
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.sink.persist(ctx, schemaRegistry, func(ctx context.Context) error { return d.record(ctx, r) })
}

// bury keeps a record as a dead letter.
func (d *decoding) bury(r *partlog.Record, reason schema.Reason, why, sqlstate string) error {
	letter, err := newDeadLetter(r, string(reason), why, sqlstate)
	if err != nil {
		return fmt.Errorf("keep %s at offset %d as a dead letter: %w", d.topicPartition, r.Offset, err)
	}
	d.b.dead = append(d.b.dead, letter)
	d.b.deadBytes += letter.bytes()
	d.b.counts.deadLettered++
	return nil
}

// lost ends the reading with a range that is accepted as lost.
func (d *decoding) lost(ctx context.Context, lost lostRange) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	d.b.counts.lost += int64(lost.next - lost.first)
	d.b.next = lost.next
	d.b.event = &event{name: "accepted_loss", first: lost.first, next: lost.next, reason: "below the log start offset, --on-data-loss=skip"}
	return d.end(ctx, errReread)
}

// end hands over what there is, followed by err.
func (d *decoding) end(ctx context.Context, err error) error {
	if openErr := d.open(ctx); openErr != nil {
		return openErr
	}
	d.b.after = err
	return d.handOver(ctx)
}

// open makes sure that there is a batch to grow.
func (d *decoding) open(ctx context.Context) error {
	if d.b != nil {
		return nil
	}
	select {
	case d.b = <-d.share.batches:
		d.b.reset(d.topicPartition, d.next, d.share)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// handOver waits for the writer and gives it the batch, if there is one.
func (d *decoding) handOver(ctx context.Context) error {
	if d.b == nil {
		return nil
	}
	err := send(ctx, d.out, d.b)
	d.b = nil
	return err
}
