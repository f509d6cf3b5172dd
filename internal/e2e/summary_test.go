package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// summary_test.go reads what `sink backfill --json` prints, and checks that its sums close.

// counts is where records went.
type counts struct {
	Inserted    int64 `json:"inserted"`
	DeadLetters int64 `json:"dead_letters"`
	Tombstones  int64 `json:"tombstones"`
	NotRecords  int64 `json:"not_records"`
	Lost        int64 `json:"lost"`
}

func (c counts) sum() int64 {
	return c.Inserted + c.DeadLetters + c.Tombstones + c.NotRecords + c.Lost
}

func (c counts) plus(o counts) counts {
	return counts{c.Inserted + o.Inserted, c.DeadLetters + o.DeadLetters, c.Tombstones + o.Tombstones, c.NotRecords + o.NotRecords, c.Lost + o.Lost}
}

// partitionSummary is one partition's line.
type partitionSummary struct {
	Topic          string `json:"topic"`
	Partition      int32  `json:"partition"`
	State          string `json:"state"`
	HaltedReason   string `json:"halted_reason"`
	FirstOffset    int64  `json:"first_offset"`
	NextOffset     int64  `json:"next_offset"`
	EndOffset      int64  `json:"end_offset"`
	HighWatermark  int64  `json:"high_watermark"`
	NotReadableYet int64  `json:"not_readable_yet"`
	StoredDead     int64  `json:"stored_dead_letters"` // below EndOffset
	counts
}

// summary is the whole object.
type summary struct {
	Topics           []string           `json:"topics"`
	Group            string             `json:"group"`
	TookSeconds      float64            `json:"took_seconds"`
	RecordsPerSecond float64            `json:"records_per_second"`
	ExitCode         int                `json:"exit_code"`
	Partitions       []partitionSummary `json:"partitions"`
	Totals           counts             `json:"totals"`
	ThisRun          counts             `json:"this_run"`
	AddedPartitions  []string           `json:"added_partitions"`
}

// summaryOf parses the summary of a backfill that has ended. Keys that the contract does not name, or anything else on stdout, fail the
// test, and so does a sum that does not close.
func summaryOf(t testing.TB, p *process) summary {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(p.stdout.String()))
	decoder.DisallowUnknownFields()
	var s summary
	if err := decoder.Decode(&s); err != nil {
		t.Fatalf("%s: stdout is not the summary: %v: %s", p.name, err, tail(p.stdout.String()))
	}
	if decoder.More() {
		t.Fatalf("%s: more than one value on stdout: %s", p.name, tail(p.stdout.String()))
	}
	if s.ExitCode != p.code {
		t.Errorf("%s: the summary says exit code %d, the process ended with %d", p.name, s.ExitCode, p.code)
	}
	var totals counts
	for _, part := range s.Partitions {
		totals = totals.plus(part.counts)
		name := partitionName(part.Topic, part.Partition)
		if got, want := part.sum(), part.NextOffset-part.FirstOffset; got != want {
			t.Errorf("%s: the sums do not close: %+v sum up to %d, next - first is %d", name, part.counts, got, want)
		}
		if part.StoredDead > part.DeadLetters {
			t.Errorf("%s: %d dead letters are stored, %d were ever counted", name, part.StoredDead, part.DeadLetters)
		}
		if part.State == "done" && part.NextOffset < part.EndOffset {
			t.Errorf("%s: said to be done at %d, before its end %d", name, part.NextOffset, part.EndOffset)
		}
	}
	if totals != s.Totals {
		t.Errorf("the totals are %+v, the partitions sum up to %+v", s.Totals, totals)
	}
	return s
}

// of returns one partition's line.
func (s summary) of(t testing.TB, topic string, partition int32) partitionSummary {
	t.Helper()
	for _, p := range s.Partitions {
		if p.Topic == topic && p.Partition == partition {
			return p
		}
	}
	t.Fatalf("the summary has no line for %s", partitionName(topic, partition))
	return partitionSummary{}
}
