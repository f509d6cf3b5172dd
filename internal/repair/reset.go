package repair

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ridesink/internal/partlog"
)

// reset.go: moves positions. Backwards, what will be read again is deleted first; forwards, what will never be read is counted as lost.

// Reset is one partition's move, as it is planned or as it was done.
type Reset struct {
	Place
	From        int64  `json:"from"`
	To          int64  `json:"to"`
	FirstOffset int64  `json:"first_offset"`
	Rows        int64  `json:"rows_deleted"`
	DeadLetters int64  `json:"dead_letters_deleted"`
	Lost        int64  `json:"lost"`              // accepted by this move
	Counts      Counts `json:"counts"`            // afterwards
	Assumed     string `json:"assumed,omitempty"` // why they are not proven

	row  ledgerRow
	lost ranges
	seen seen
	read int64 // seen is of [To,read)
}

// PlanReset says what a reset of the selected partitions would do, and changes nothing. With count it also counts the rows, which scans rides.
func (r *Repair) PlanReset(ctx context.Context, selected Selection, to Target, count bool) ([]*Reset, error) {
	if err := selected.Check(); err != nil {
		return nil, err
	}
	rows, err := r.ledger(ctx, selected)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, usagef("sink_ledger has no such partition of %s: nothing was read of it yet, so there is nothing to reset; --start of sink backfill and sink run says where to begin", strings.Join(selected.Topics, ", "))
	}
	var plan []*Reset
	for _, topic := range selected.Topics {
		own := slices.DeleteFunc(slices.Clone(rows), func(row ledgerRow) bool { return row.Topic != topic })
		if len(own) == 0 {
			continue
		}
		resets, err := r.planTopic(ctx, topic, own, to)
		if err != nil {
			return nil, err
		}
		plan = append(plan, resets...)
	}
	slices.SortFunc(plan, func(a, b *Reset) int { return comparePlaces(a.Place, b.Place) })
	if count {
		err = r.tallies(ctx, r.db, plan, countFrom)
	}
	return plan, err
}

func (r *Repair) planTopic(ctx context.Context, topic string, rows []ledgerRow, to Target) ([]*Reset, error) {
	described, err := r.kafka.CheckTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	var numbers []int32
	for _, row := range rows {
		if !slices.ContainsFunc(described[0].Partitions, func(p partlog.Partition) bool { return p.Number == row.Partition }) {
			return nil, usagef("%s is in sink_ledger and not in Kafka: was the topic made again with fewer partitions? then use --recreated", row.Place)
		}
		if id := described[0].ID; id != (partlog.TopicID{}) && row.topicID != (partlog.TopicID{}) && id != row.topicID {
			return nil, usagef("%s was deleted and made again (its id was %s and is %s): offsets mean other records now; use --recreated", topic, row.topicID, id)
		}
		numbers = append(numbers, row.Partition)
	}
	bounds, err := r.kafka.Log.Bounds(ctx, topic, numbers...)
	if err != nil {
		return nil, fmt.Errorf("ask for the bounds of %s: %w", topic, err)
	}
	var plan []*Reset
	for _, row := range rows {
		target, err := to.in(ctx, r.kafka.Log, row.Place, bounds[row.Partition], row.next)
		if err != nil {
			return nil, err
		}
		reset := &Reset{Place: row.Place, To: target, row: row}
		reset.aim(row)
		plan = append(plan, reset)
	}
	return plan, nil
}

// aim says what the move means from where the ledger is.
func (m *Reset) aim(row ledgerRow) {
	m.row = row
	m.From, m.FirstOffset, m.Lost = row.next, min(row.first, m.To), max(0, m.To-row.next)
}

// backwards says that records will be read again.
func (m *Reset) backwards() bool { return m.To < m.From }

// recounts says that something of the partition stays: then the log is asked what the part that leaves was made of.
func (m *Reset) recounts() bool { return m.backwards() && m.To > m.row.first }

const (
	// closeEnough is how many offsets at most are left to be read again under the lock, if a running member can be kept up with.
	closeEnough = 100_000
	// catchUps is how often that is tried.
	catchUps = 10
)

// DoReset carries a plan out, in one transaction. Positions that a running member moved meanwhile count as they are found.
func (r *Repair) DoReset(ctx context.Context, plan []*Reset, reason string) error {
	places := make([]Place, 0, len(plan))
	planned := map[Place]*Reset{}
	last := map[Place]*lastRecord{}
	for _, m := range plan {
		places, planned[m.Place] = append(places, m.Place), m
		last[m.Place] = r.lastBefore(ctx, m.Place, m.To)
	}
	if err := r.readAhead(ctx, plan); err != nil {
		return err
	}
	return r.locked(ctx, places, func(tx pgx.Tx, rows []ledgerRow) error {
		for _, row := range rows { // in the order of the database, which need not be ours
			m := planned[row.Place]
			if err := m.agreed(row); err != nil {
				return err
			}
			if err := r.catchUp(ctx, tx, m, row); err != nil {
				return err
			}
		}
		if err := r.tallies(ctx, tx, plan, deleteFrom); err != nil {
			return err
		}
		for _, m := range plan {
			m.settle()
			if err := m.store(ctx, tx, last[m.Place], reason); err != nil {
				return fmt.Errorf("reset %s: %w", m.Place, err)
			}
		}
		return nil
	})
}

// readAhead reads what leaves the partitions again before the lock is taken: it may take long, and a running member moves on meanwhile.
func (r *Repair) readAhead(ctx context.Context, plan []*Reset) error {
	rows := make([]ledgerRow, 0, len(plan))
	for _, m := range plan {
		rows = append(rows, m.row)
	}
	for range catchUps {
		read := int64(0)
		for i, m := range plan {
			before := max(m.read, m.To)
			if err := r.catchUp(ctx, r.db, m, rows[i]); err != nil {
				return err
			}
			read += max(0, m.read-before)
		}
		if read <= closeEnough {
			return nil
		}
		for i, m := range plan {
			found, err := r.ledger(ctx, Selection{Topics: []string{m.Topic}, Partitions: []Place{m.Place}})
			if err != nil {
				return err
			}
			if len(found) == 1 && m.agreed(found[0]) == nil {
				rows[i] = found[0]
			} // else it is said under the lock
		}
	}
	return nil
}

// agreed refuses what was not planned: another topic, or more that is lost.
func (m *Reset) agreed(row ledgerRow) error {
	if row.topicID != m.row.topicID && m.row.topicID != (partlog.TopicID{}) {
		return fmt.Errorf("the topic of %s was changed in the ledger meanwhile; nothing was changed: look at sink_events and start again", m.Place)
	}
	if lost := max(0, m.To-row.next); lost > m.Lost {
		return fmt.Errorf("%s went back to %d meanwhile, so that %d offsets would be lost instead of %d; nothing was changed: look at sink_events and start again", m.Place, row.next, lost, m.Lost)
	}
	return nil
}

// catchUp takes the row as it is now, and reads again what a member stored since the last time.
func (r *Repair) catchUp(ctx context.Context, db querier, m *Reset, row ledgerRow) error {
	m.aim(row)
	if !m.recounts() {
		return nil
	}
	lost, err := lostOffsets(ctx, db, m.Place)
	if err != nil {
		return err
	}
	if !slices.Equal(lost, m.lost) || m.read < m.To || m.read > m.From {
		m.lost, m.seen, m.read = lost, seen{}, m.To
	}
	more, err := r.scan(ctx, m.Place, m.read, m.From, lost)
	if err != nil {
		return fmt.Errorf("read %s again: %w", m.Place, err)
	}
	m.seen, m.read = m.seen.plus(more), m.From
	return nil
}

// tallies counts, or deletes and counts, what the backward moves of a plan concern.
func (r *Repair) tallies(ctx context.Context, db querier, plan []*Reset, statement func(table string) string) error {
	var topics []string
	var partitions []int32
	var targets []int64
	found := map[Place]*Reset{}
	for _, m := range plan {
		m.Rows, m.DeadLetters = 0, 0
		if m.backwards() {
			found[m.Place] = m
			topics, partitions, targets = append(topics, m.Topic), append(partitions, m.Partition), append(targets, m.To)
		}
	}
	if len(found) == 0 {
		return nil
	}
	for _, table := range []string{"rides", "sink_dead_letters"} {
		rows, err := db.Query(ctx, statement(table), pgx.NamedArgs{"topics": topics, "partitions": partitions, "targets": targets})
		if err != nil {
			return fmt.Errorf("delete from %s what is read again: %w", table, err)
		}
		var at Place
		var n int64
		if _, err := pgx.ForEachRow(rows, []any{&at.Topic, &at.Partition, &n}, func() error {
			if table == "rides" {
				found[at].Rows = n
			} else {
				found[at].DeadLetters = n
			}
			return nil
		}); err != nil {
			return fmt.Errorf("delete from %s what is read again: %w", table, err)
		}
	}
	return nil
}

// settle works out the counts afterwards.
func (m *Reset) settle() {
	m.Assumed = ""
	switch {
	case m.To <= m.row.first:
		m.Counts = Counts{}
	case m.backwards():
		exact := false
		m.Counts, exact = m.row.counts.without(m.From-m.To, tally{m.Rows, m.DeadLetters}, m.seen, m.lost.within(m.To, m.From))
		if !exact {
			m.Assumed = "tombstones, offsets without records and losses below the new position are derived: what was stored and what the log has now do not account for each offset above it (compaction, retention, or edited tables)"
			if m.seen.unread != "" {
				m.Assumed += ": " + m.seen.unread
			}
		}
		if open := m.To - m.FirstOffset - m.Counts.sum(); open != 0 {
			m.Counts.NotRecords += open
			m.Assumed = "the ledger's counts did not add up before; the difference is in not_records now"
		}
	default:
		m.Counts = m.row.counts
		m.Counts.Lost += m.Lost
	}
}

// store writes the ledger and the events.
func (m *Reset) store(ctx context.Context, tx pgx.Tx, last *lastRecord, reason string) error {
	args := pgx.NamedArgs{
		"topic": m.Topic, "partition": m.Partition, "first": m.FirstOffset, "next": m.To,
		"inserted": m.Counts.Inserted, "dead_lettered": m.Counts.DeadLetters, "tombstones": m.Counts.Tombstones,
		"not_records": m.Counts.NotRecords, "lost": m.Counts.Lost,
		"last_offset": pgtype.Int8{}, "last_timestamp": pgtype.Int8{}, "last_leader_epoch": pgtype.Int4{},
	}
	if last != nil {
		args["last_offset"] = pgtype.Int8{Int64: last.offset, Valid: true}
		args["last_timestamp"] = pgtype.Int8{Int64: last.timestamp, Valid: true}
		args["last_leader_epoch"] = pgtype.Int4{Int32: last.leaderEpoch, Valid: true}
	}
	if _, err := tx.Exec(ctx, moveLedger, args); err != nil {
		return fmt.Errorf("move the ledger: %w", err)
	}
	if reason == "" {
		reason = fmt.Sprintf("sink reset from %d to %d", m.From, m.To)
	}
	if m.Lost > 0 {
		if err := record(ctx, tx, event{name: eventLoss, place: m.Place, offsets: offsets{m.From, m.To}, reason: reason}); err != nil {
			return err
		}
	}
	return record(ctx, tx, event{
		name: eventReset, place: m.Place, offsets: offsets{min(m.From, m.To), max(m.From, m.To)}, reason: reason,
		details: &details{
			From: &m.From, To: &m.To, First: &m.row.first, Deleted: &tally{m.Rows, m.DeadLetters},
			Before: &m.row.counts, After: &m.Counts, Assumed: m.Assumed, WasEnded: m.row.halted,
		},
	})
}

// event is a row of sink_events.
type event struct {
	name  string
	place Place // partition -1: all
	offsets
	reason  string
	details *details
}

// record writes an event.
func record(ctx context.Context, tx pgx.Tx, e event) error {
	args := pgx.NamedArgs{
		"event": e.name, "topic": e.place.Topic, "partition": pgtype.Int4{Int32: e.place.Partition, Valid: e.place.Partition >= 0}, "first": e.first, "next": e.next,
		"reason": e.reason, "details": nil,
	}
	if e.details != nil {
		text, err := json.Marshal(e.details)
		if err != nil {
			return fmt.Errorf("record %s: %w", e.name, err)
		}
		args["details"] = text
	}
	if _, err := tx.Exec(ctx, recordEvent, args); err != nil {
		return fmt.Errorf("record %s: %w", e.name, err)
	}
	return nil
}

func comparePlaces(a, b Place) int {
	if a.Topic != b.Topic {
		return strings.Compare(a.Topic, b.Topic)
	}
	return int(a.Partition) - int(b.Partition)
}
