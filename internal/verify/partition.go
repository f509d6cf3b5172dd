package verify

import (
	"context"
	"errors"
	"fmt"
	"math"

	"ridesink/internal/partlog"
	"ridesink/internal/serde"
	"ridesink/schema"
)

// partition.go: rows, dead letters and records of one partition meet here, all in the order of offsets. Before it log.go and tuples.go; row.go and
// letter.go compare; after it counts.go.

// partitionCheck is the state of one partition.
type partitionCheck struct {
	place     Place
	report    *PartitionReport
	tell      func(Difference) // keeps the first ones
	ledger    ledgerRow
	known     bool // to the ledger
	losses    []loss
	selection *selection
	compacted bool
	bounds    func(context.Context) (partlog.Bounds, error) // asks anew

	rowStream, letterStream *tuples
	rows                    *rowComparison
	decoder                 *serde.Decoder
	want                    []byte // the row that the record at hand makes

	logStart   int64
	asked      bool  // for the log start, since the piece at hand was read
	letterAt   int64 // offset of the next dead letter
	lastStored int64 // offset of the row or dead letter before, -1 for none
	storedRows int64 // in the range that the ledger covers
	storedDead int64
	gone       int64 // offsets of that range that Kafka no longer has
	excused    []Difference
	excusedAll int64 // records that are missing where a loss was accepted
}

// visit compares a piece of the log with what is stored of it.
func (c *partitionCheck) visit(ctx context.Context, p piece) error {
	c.asked = false
	looked := c.selection.count(c.place.Partition, p.first, min(p.next, c.ledger.next))
	switch p.kind {
	case stretchRead:
		return c.records(ctx, p)
	case stretchGone:
		c.gone += looked
		c.logStart = max(c.logStart, p.next)
		c.note("offsets [%d,%d) are gone from Kafka: what is stored of them cannot be proven any more", p.first, p.next)
	case stretchUnreadable:
		if c.lossAt(p.first) != nil {
			c.note("offsets [%d,%d) cannot be read, and their loss was accepted: %s", p.first, p.next, p.why)
			break
		}
		c.report.Unreadable += looked
		c.different(Difference{Kind: KindUnreadable, Offset: p.first, Detail: fmt.Sprintf("offsets [%d,%d): %s", p.first, p.next, p.why)})
	case stretchBeyond:
		c.contradiction(p.first, "the ledger has read up to %d, and %s: the log was truncated (an unclean election, a lost volume), or the topic was made again", c.ledger.next, p.why)
	case stretchLarge: // log.go keeps it to itself
		return nil
	case stretchOther:
		c.contradiction(-1, "%s: what is stored is of another log, and cannot be compared with this one", p.why)
	}
	return c.drain(ctx, min(p.next, c.ledger.next), p.kind)
}

// records compares the records of a piece.
func (c *partitionCheck) records(ctx context.Context, p piece) error {
	var r partlog.Record
	var seen int64
	for p.log.Record(&r) {
		if r.Offset >= c.ledger.next || !c.selection.has(c.place.Partition, r.Offset) {
			continue
		}
		seen++
		if err := c.record(ctx, &r); err != nil {
			return err
		}
	}
	end := min(p.log.Position(), c.ledger.next)
	c.report.Checked += seen
	c.report.NotRecords += c.selection.count(c.place.Partition, p.first, end) - seen
	return c.drain(ctx, end, stretchRead)
}

// record compares one record with what is stored of it.
func (c *partitionCheck) record(ctx context.Context, r *partlog.Record) error {
	if r.Offset == c.ledger.lastOffset {
		c.identify(r)
	}
	var bad *schema.DecodeError
	if r.Value != nil {
		var err error
		c.want, err = c.decoder.AppendRow(ctx, c.want[:0], schema.Coordinates{
			Topic: c.place.Topic, Partition: c.place.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
		}, r.Value)
		if err != nil && !errors.As(err, &bad) {
			return fmt.Errorf("decode %s at offset %d: %w", c.place, r.Offset, err)
		}
		if bad == nil && r.Offset < c.letterAt && c.rowStream.equals(c.want) {
			c.rowStream.skip(len(c.want))
			c.lastStored = r.Offset
			c.storedRows++
			c.report.Equal++
			return nil
		}
	}
	if err := c.drain(ctx, r.Offset, stretchRead); err != nil {
		return err
	}
	return c.stored(r, bad)
}

// stored looks at whatever is stored under the offset of a record.
func (c *partitionCheck) stored(r *partlog.Record, bad *schema.DecodeError) error {
	found := 0
	for {
		row, letter, err := c.heads()
		switch {
		case err != nil:
			return err
		case row.offset == r.Offset:
			fields := c.rowStream.take(row)
			c.storedRows++
			if found++; found > 1 {
				c.doubled(r.Offset, "rides")
			} else if r.Value != nil {
				c.compareRow(r, fields, bad)
			}
		case letter.offset == r.Offset:
			fields := c.letterStream.take(letter)
			c.storedDead++
			if found++; found > 1 {
				c.doubled(r.Offset, "sink_dead_letters")
			} else if r.Value != nil {
				if err := c.compareLetter(r, fields, bad); err != nil {
					return err
				}
			}
		default:
			c.settle(r, found)
			return nil
		}
		c.lastStored = r.Offset
	}
}

// settle decides about a record once everything under its offset was seen.
func (c *partitionCheck) settle(r *partlog.Record, found int) {
	switch {
	case r.Value == nil && found == 0:
		c.report.Tombstones++
	case r.Value == nil:
		c.report.Tombstones++
		c.report.Different++
		c.different(Difference{Offset: r.Offset, Detail: "it is stored, and the record is a tombstone, which is only counted"})
	case found == 0:
		c.missing(r.Offset)
	}
}

// heads returns what comes next of rows and dead letters; behind the partition's last its offset is beyond all.
func (c *partitionCheck) heads() (row, letter head, err error) {
	if row, err = c.rowStream.peek(); err != nil {
		return head{}, head{}, fmt.Errorf("rides: %w", err)
	}
	if letter, err = c.letterStream.peek(); err != nil {
		return head{}, head{}, fmt.Errorf("sink_dead_letters: %w", err)
	}
	if row.partition != c.place.Partition {
		row.offset = math.MaxInt64
	}
	if letter.partition != c.place.Partition {
		letter.offset = math.MaxInt64
	}
	c.letterAt = letter.offset
	return row, letter, nil
}

// drain takes what is stored below an offset and has no record in the log. why says what the log is like there.
func (c *partitionCheck) drain(ctx context.Context, below int64, why stretch) error {
	for {
		row, letter, err := c.heads()
		if err != nil {
			return err
		}
		at, table := row.offset, "rides"
		if letter.offset < row.offset {
			at, table = letter.offset, "sink_dead_letters"
		}
		if at >= below {
			return nil
		}
		if table == "rides" {
			c.rowStream.skip(row.size)
		} else {
			c.letterStream.skip(letter.size)
		}
		if err := c.stray(ctx, at, table, why); err != nil {
			return err
		}
		c.lastStored = at
	}
}

// stray decides about a row or dead letter without a record.
func (c *partitionCheck) stray(ctx context.Context, at int64, table string, why stretch) error {
	covered := c.known && at >= c.ledger.first && at < c.ledger.next
	switch {
	case !covered:
	case table == "rides":
		c.storedRows++
	default:
		c.storedDead++
	}
	switch {
	case at == c.lastStored:
		c.doubled(at, table)
	case !covered:
		c.report.NotCovered++
		detail := "in " + table + ", and the ledger has no row for the partition"
		if c.known {
			detail = fmt.Sprintf("in %s, and the ledger covers [%d,%d)", table, c.ledger.first, c.ledger.next)
		}
		c.different(Difference{Kind: KindNotCovered, Offset: at, Detail: detail})
	case why == stretchBeyond:
		c.noRecord(at, table, "the log ends before it")
	case why != stretchRead || c.compacted:
		c.report.Unprovable++
	default:
		gone, err := c.isGone(ctx, at)
		if err != nil {
			return err
		}
		if gone {
			c.report.Unprovable++
			return nil
		}
		c.noRecord(at, table, "the topic has no committed record there")
	}
	return nil
}

// isGone reports whether the log begins behind an offset by now. The start is asked for after that part of the log was read, so it was not
// taken in between.
func (c *partitionCheck) isGone(ctx context.Context, at int64) (bool, error) {
	if at >= c.logStart && !c.asked {
		b, err := c.bounds(ctx)
		if err != nil {
			return false, err
		}
		c.logStart, c.asked = max(c.logStart, b.LogStart), true
	}
	return at < c.logStart, nil
}

// identify compares the last record that the ledger covers with what the ledger remembers of it.
func (c *partitionCheck) identify(r *partlog.Record) {
	if r.Timestamp == c.ledger.lastTimestamp && (c.ledger.lastEpoch < 0 || r.LeaderEpoch == c.ledger.lastEpoch) {
		return
	}
	c.contradiction(r.Offset, "the last record that was read had timestamp %d and leader epoch %d, and the log has %d and %d: it was truncated and has grown again, or the topic was made again",
		c.ledger.lastTimestamp, c.ledger.lastEpoch, r.Timestamp, r.LeaderEpoch)
}

// missing notes a record that is stored nowhere.
func (c *partitionCheck) missing(at int64) {
	d := Difference{Kind: KindMissing, Offset: at, Detail: "the record is in the topic, and neither in rides nor in sink_dead_letters"}
	if l := c.lossAt(at); l != nil {
		c.excusedAll++
		if len(c.excused) < keptDifferences {
			d.Detail += fmt.Sprintf(" (sink_events has %s for [%d,%d))", l.event, l.first, l.next)
			c.excused = append(c.excused, d)
		}
		return
	}
	c.report.Missing++
	c.different(d)
}

// lossAt returns the accepted loss that an offset lies in, nil for none. The ledger must count losses too.
func (c *partitionCheck) lossAt(at int64) *loss {
	if c.ledger.lost == 0 {
		return nil
	}
	for i := range c.losses {
		if l := &c.losses[i]; at >= l.first && at < l.next {
			return l
		}
	}
	return nil
}

func (c *partitionCheck) doubled(at int64, table string) {
	c.report.Doubled++
	c.different(Difference{Kind: KindDoubled, Offset: at, Detail: "stored once more in " + table})
}

func (c *partitionCheck) noRecord(at int64, table, why string) {
	c.report.NoRecord++
	c.different(Difference{Kind: KindNoRecord, Offset: at, Detail: "in " + table + ": " + why})
}

// contradiction notes what speaks against the ledger.
func (c *partitionCheck) contradiction(at int64, format string, args ...any) {
	c.report.Ledger++
	c.different(Difference{Kind: KindLedger, Offset: at, Detail: fmt.Sprintf(format, args...)})
}

// different tells of a difference that was counted.
func (c *partitionCheck) different(d Difference) {
	if d.Kind == "" {
		d.Kind = KindDifferent
	}
	d.Topic, d.Partition = c.place.Topic, c.place.Partition
	c.tell(d)
}

func (c *partitionCheck) note(format string, args ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
}
