package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ridesink/sink"
)

// exampleSummary is a run with everything in it.
func exampleSummary() *sink.Summary {
	return &sink.Summary{
		Topics: []string{"rides"}, Group: "ridesink", TookSeconds: 2, RecordsPerSecond: 5,
		Partitions: []sink.PartitionSummary{
			{Topic: "rides", Partition: 0, State: sink.StateDone, FirstOffset: 0, NextOffset: 10, EndOffset: 8, Counts: sink.Counts{Inserted: 6, DeadLetters: 1, Tombstones: 1, NotRecords: 2}},
			{Topic: "rides", Partition: 1, State: sink.StateHalted, HaltedReason: "rides/1: offsets [3,5) are gone", FirstOffset: 1, NextOffset: 3, EndOffset: 9, NotReadableYet: 4, Counts: sink.Counts{Inserted: 2}},
		},
		Totals:          sink.Counts{Inserted: 8, DeadLetters: 1, Tombstones: 1, NotRecords: 2},
		ThisRun:         sink.Counts{Inserted: 8, DeadLetters: 1, Tombstones: 1, NotRecords: 2},
		AddedPartitions: []string{"rides/2"},
	}
}

func TestSummaryTable(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeSummary(&b, look{}, exampleSummary()); err != nil {
		t.Fatal(err)
	}
	const want = `  partition  first  next  inserted  dead  tombst.  no record  lost   state
    rides/0      0    10         6     1        1          2     0    done
    rides/1      1     3         2     0        0          0     0  halted
      total                      8     1        1          2     0        
   this run                      8     1        1          2     0        
halted: rides/1: offsets [3,5) are gone
rides/1: 4 offsets could not be read yet: they are behind a transaction that was still open
added while this ran, and not read: rides/2; run it again
10 records in 2.0 s, 5 records/s
`
	if b.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", b.String(), want)
	}
	for line := range strings.Lines(strings.SplitN(b.String(), "halted:", 2)[0]) {
		if len(line) > 81 {
			t.Errorf("a line of the table is wider than 80 columns: %q", line)
		}
	}
}

func TestSummaryJSONNamesTheExitCode(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeSummaryJSON(&b, exampleSummary(), exitFailed); err != nil {
		t.Fatal(err)
	}
	var got struct {
		ExitCode   int `json:"exit_code"`
		Partitions []struct {
			FirstOffset int64 `json:"first_offset"`
			NextOffset  int64 `json:"next_offset"`
			Inserted    int64 `json:"inserted"`
			DeadLetters int64 `json:"dead_letters"`
			Tombstones  int64 `json:"tombstones"`
			NotRecords  int64 `json:"not_records"`
			Lost        int64 `json:"lost"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, b.String())
	}
	p := got.Partitions[0]
	if got.ExitCode != 1 || p.NextOffset-p.FirstOffset != p.Inserted+p.DeadLetters+p.Tombstones+p.NotRecords+p.Lost || p.NextOffset != 10 {
		t.Errorf("read back as %+v", got)
	}
}

func TestBackfillExitCodes(t *testing.T) {
	t.Parallel()
	partition := func(state string, dead int64) *sink.Summary {
		return &sink.Summary{Partitions: []sink.PartitionSummary{{State: state, StoredDeadLetters: dead}}}
	}
	for _, c := range []struct {
		scenario string
		sum      *sink.Summary
		want     int
	}{
		{"all done", partition(sink.StateDone, 0), 0},
		{"done, with dead letters of whichever run", partition(sink.StateDone, 3), 4},
		{"halted", partition(sink.StateHalted, 0), 1},
		{"halted and dead letters: the halt counts", partition(sink.StateHalted, 3), 1},
		{"stopped before the end", partition(sink.StateUnfinished, 0), 1},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			code := backfillCode(c.sum)
			if code != c.want || exitCode(backfillError(c.sum, code)) != c.want {
				t.Errorf("exit code %d and %d for the error, want %d", code, exitCode(backfillError(c.sum, code)), c.want)
			}
		})
	}
}
