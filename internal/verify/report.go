package verify

import (
	"fmt"
	"strings"

	"ridesink/internal/plural"
)

// report.go: what was found. Its JSON is what sink verify --json prints, so names stay as they are.

// Kinds of differences.
const (
	KindMissing    = "missing"     // a record is in the topic and nowhere in the tables
	KindDoubled    = "doubled"     // a record is stored twice
	KindDifferent  = "different"   // a row or a dead letter is not what the record says
	KindNoRecord   = "no_record"   // a row or a dead letter is stored that the topic has no record for
	KindNotCovered = "not_covered" // a row or a dead letter is stored where the ledger says that nothing was read
	KindLedger     = "ledger"      // the ledger contradicts itself, the tables or the topic
	KindUnreadable = "unreadable"  // the log has a batch that cannot be opened
)

// Report is what a verification found.
type Report struct {
	Proven           bool              `json:"proven"`
	Verdict          string            `json:"verdict"`
	Topics           []string          `json:"topics"`
	From             int64             `json:"from"`
	To               int64             `json:"to"`    // -1 for the ledger's positions
	Share            float64           `json:"share"` // of all offsets, 1 for all
	Seed             uint64            `json:"seed"`  // that chose them
	Partitions       []PartitionReport `json:"partitions"`
	Totals           Counts            `json:"totals"`
	Differences      []Difference      `json:"differences"` // the first
	Notes            []string          `json:"notes"`
	TookSeconds      float64           `json:"took_seconds"`
	RecordsPerSecond float64           `json:"records_per_second"`
}

// PartitionReport is one partition.
type PartitionReport struct {
	Topic       string `json:"topic"`
	Partition   int32  `json:"partition"`
	FirstOffset int64  `json:"first_offset"` // of the ledger, -1 if it has no row
	NextOffset  int64  `json:"next_offset"`
	LogStart    int64  `json:"log_start"` // -1 if Kafka has no such partition
	LogEnd      int64  `json:"log_end"`   // last stable offset
	Compacted   bool   `json:"compacted"`
	Counts
	Notes []string `json:"notes"`
}

// Counts are what was found, of what was looked at.
type Counts struct {
	Checked     int64 `json:"checked"`      // records of the log
	Equal       int64 `json:"equal"`        // rows that are equal to their record
	DeadLetters int64 `json:"dead_letters"` // that are equal to their record
	Tombstones  int64 `json:"tombstones"`   // in the log
	NotRecords  int64 `json:"not_records"`  // offsets of the log without a committed record
	Lost        int64 `json:"lost"`         // records whose loss was accepted
	Rejected    int64 `json:"rejected"`     // of the dead letters: PostgreSQL had refused the row; proven by their bytes only
	Decodable   int64 `json:"decodable"`    // of the dead letters, without those: today's binary would make rows of them
	Missing     int64 `json:"missing"`
	Doubled     int64 `json:"doubled"`
	Different   int64 `json:"different"`
	NoRecord    int64 `json:"no_record"`
	NotCovered  int64 `json:"not_covered"`
	Unreadable  int64 `json:"unreadable"` // offsets
	Ledger      int64 `json:"ledger"`     // contradictions
	Unprovable  int64 `json:"unprovable"` // rows and dead letters whose record is gone from Kafka
}

// faults is how much contradicts the promise.
func (c *Counts) faults() int64 {
	return c.Missing + c.Doubled + c.Different + c.NoRecord + c.NotCovered + c.Unreadable + c.Ledger
}

func (c *Counts) add(d Counts) {
	c.Checked += d.Checked
	c.Equal += d.Equal
	c.DeadLetters += d.DeadLetters
	c.Tombstones += d.Tombstones
	c.NotRecords += d.NotRecords
	c.Lost += d.Lost
	c.Rejected += d.Rejected
	c.Decodable += d.Decodable
	c.Missing += d.Missing
	c.Doubled += d.Doubled
	c.Different += d.Different
	c.NoRecord += d.NoRecord
	c.NotCovered += d.NotCovered
	c.Unreadable += d.Unreadable
	c.Ledger += d.Ledger
	c.Unprovable += d.Unprovable
}

// Difference is one thing that is not as it should be.
type Difference struct {
	Kind      string `json:"kind"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`           // -1 where it is about the partition as a whole
	Column    string `json:"column,omitempty"` // of a row or a dead letter that is different
	Stored    string `json:"stored,omitempty"` // shortened
	Record    string `json:"record,omitempty"` // what the record says, shortened
	Detail    string `json:"detail,omitempty"`
}

// String says it in one line.
func (d Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%d", d.Topic, d.Partition)
	if d.Offset >= 0 {
		fmt.Fprintf(&b, "@%d", d.Offset)
	}
	fmt.Fprintf(&b, ": %s", strings.ReplaceAll(d.Kind, "_", " "))
	if d.Column != "" {
		fmt.Fprintf(&b, ": %s is %s, the record says %s", d.Column, d.Stored, d.Record)
	}
	if d.Detail != "" {
		fmt.Fprintf(&b, ": %s", d.Detail)
	}
	return b.String()
}

// conclude sums up and decides.
func (r *Report) conclude() {
	for i := range r.Partitions {
		r.Totals.add(r.Partitions[i].Counts)
	}
	if r.TookSeconds > 0 {
		r.RecordsPerSecond = float64(r.Totals.Checked) / r.TookSeconds
	}
	t := &r.Totals
	if t.Rejected > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s rejected by PostgreSQL: %s bytes are proven, the rejection cannot be derived again",
			plural.Of(t.Rejected, "dead letter")+plural.Either(t.Rejected, " was", " were"), plural.Either(t.Rejected, "its", "their")))
	}
	if t.Decodable > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s with today's binary: sink deadletters retry stores %s",
			plural.Of(t.Decodable, "dead letter")+plural.Either(t.Decodable, " would be a row", " would be rows"), plural.Either(t.Decodable, "it", "them")))
	}
	nothing := t.Checked == 0 && t.Unprovable > 0
	r.Proven = t.faults() == 0 && !nothing
	switch {
	case r.Proven:
		r.Verdict = "proven: " + r.scope() + r.provenCounts() + r.unprovable()
	case t.faults() == 0:
		r.Verdict = fmt.Sprintf("NOT proven: nothing that is stored can be compared: the %s of %d %s gone from Kafka", plural.Either(t.Unprovable, "record", "records"),
			t.Unprovable, plural.Either(t.Unprovable, "row or dead letter is", "rows and dead letters are"))
	default:
		r.Verdict = "NOT proven: " + r.faultCounts() + r.unprovable()
	}
}

// scope says what was looked at, unless it was everything.
func (r *Report) scope() string {
	var b strings.Builder
	if r.Share < 1 {
		fmt.Fprintf(&b, "in a sample of %g%% (seed %d), ", r.Share*100, r.Seed)
	}
	switch {
	case r.To >= 0:
		fmt.Fprintf(&b, "of offsets [%d,%d), ", r.From, r.To)
	case r.From > 0:
		fmt.Fprintf(&b, "from offset %d on, ", r.From)
	}
	return b.String()
}

func (r *Report) provenCounts() string {
	t := &r.Totals
	text := fmt.Sprintf("%s of %s %s stored exactly once, value by value: %s, %s, %s",
		plural.Of(t.Checked, "record"), plural.Of(len(r.Partitions), "partition"), plural.Either(t.Checked, "is", "are"),
		plural.Of(t.Equal, "row"), plural.Of(t.DeadLetters, "dead letter"), plural.Of(t.Tombstones, "tombstone"))
	if t.Lost > 0 {
		text += fmt.Sprintf(", %d whose loss was accepted", t.Lost)
	}
	return text
}

func (r *Report) faultCounts() string {
	t := &r.Totals
	var found []string
	for _, fault := range []struct {
		n    int64
		what string
	}{
		{t.Missing, "missing"},
		{t.Doubled, "doubled"},
		{t.Different, "different"},
		{t.NoRecord, "stored without a record"},
		{t.NotCovered, "stored where the ledger says that nothing was read"},
		{t.Unreadable, plural.Either(t.Unreadable, "offset", "offsets") + " that cannot be read"},
		{t.Ledger, plural.Either(t.Ledger, "contradiction", "contradictions") + " of the ledger"},
	} {
		if fault.n > 0 {
			found = append(found, fmt.Sprintf("%d %s", fault.n, fault.what))
		}
	}
	return fmt.Sprintf("%s (of %s)", strings.Join(found, ", "), plural.Of(t.Checked, "record"))
}

func (r *Report) unprovable() string {
	if r.Totals.Unprovable == 0 {
		return ""
	}
	if r.Totals.Unprovable == 1 {
		return "; 1 row or dead letter cannot be proven any more: its record is gone from Kafka"
	}
	return fmt.Sprintf("; %d rows and dead letters cannot be proven any more: their records are gone from Kafka", r.Totals.Unprovable)
}
