package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// retention_test.go: records that are gone from Kafka before they were read halt their partition, loudly, and nothing else.

// loseRecords stores some rides, publishes more, and deletes records of partition 1 beyond its position, as retention would. It returns
// the records that can still be stored, and the range that cannot.
func (s scene) loseRecords(partitions int) (kept []sent, first, next int64) {
	s.t.Helper()
	records := s.publishRides(400, partitions, writeTLC)
	s.backfilled(0)
	first = s.ledger(s.connect())[place{topic: s.topic(), partition: 1}].next
	records = append(records, s.publishRides(4000, partitions, writeMixed)...)
	next = first + 321
	deleteBefore(s.t, s.brokers, place{s.topic(), 1, next})
	for _, r := range records {
		if r.record.Partition != 1 || r.record.Offset < first || r.record.Offset >= next {
			kept = append(kept, r)
		}
	}
	return kept, first, next
}

// TestRetention holds: the partition whose records are gone halts with the lost range and the flag that accepts it, in the summary, in the
// ledger and on stderr; the others are stored to their ends; the exit code is 1, also the next time; with --on-data-loss=skip it goes on,
// counts the range as lost and records it in sink_events.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	kept, first, next := s.loseRecords(3)
	var beforeHalt []sent
	for _, r := range kept {
		if r.record.Partition != 1 || r.record.Offset < first {
			beforeHalt = append(beforeHalt, r)
		}
	}
	conn := s.connect()
	for range 2 {
		sum := s.backfilled(1)
		s.checkStored(beforeHalt)
		for partition := range int32(3) {
			want := map[bool]string{true: "halted", false: "done"}[partition == 1]
			if p := sum.of(t, s.topic(), partition); p.State != want {
				t.Errorf("partition %d is %s (%s), want %s", partition, p.State, p.HaltedReason, want)
			}
		}
		for where, text := range map[string]string{
			"the summary":    sum.of(t, s.topic(), 1).HaltedReason,
			"the ledger":     s.ledger(conn)[place{topic: s.topic(), partition: 1}].halted,
			"the ledger row": value[string](t, conn, "SELECT coalesce(halted_at::text, '') || ' ' || coalesce(halted_reason, '') FROM sink_ledger WHERE kafka_partition = 1"),
		} {
			for _, word := range []string{fmt.Sprint(first), fmt.Sprint(next), "--on-data-loss=skip"} {
				if !strings.Contains(text, word) {
					t.Errorf("%s does not say %q: %q", where, word, text)
				}
			}
		}
	}

	sum := s.backfilled(0, "--on-data-loss=skip")
	if p := sum.of(t, s.topic(), 1); p.State != "done" || p.Lost != next-first {
		t.Errorf("with --on-data-loss=skip the summary says %+v, want it done with %d lost", p, next-first)
	}
	s.checkStored(kept)
	s.checkAtEnd(t)
	event := value[string](t, conn, "SELECT coalesce(string_agg(event || ' ' || kafka_topic || '/' || kafka_partition || ' ' || first_offset || ' ' || next_offset, '; '), '') FROM sink_events")
	if want := fmt.Sprintf("accepted_loss %s/1 %d %d", s.topic(), first, next); event != want {
		t.Errorf("sink_events says %q, want %q", event, want)
	}
	if again := s.backfilled(0); again.ThisRun != (counts{}) {
		t.Errorf("a backfill afterwards stored %+v", again.ThisRun)
	}
}

// TestRetentionWhileRunning holds: `run` halts the one partition, says so in the ledger and on stderr, and goes on with the others.
func TestRetentionWhileRunning(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	kept, first, next := s.loseRecords(3)
	p := s.run()
	conn := s.connect()
	ends := endOffsets(t, s.brokers, s.topic())
	eventually(t, time.Minute, "one partition to halt and the others to get to their ends", func() (bool, string) {
		ledger := s.ledger(conn)
		state := fmt.Sprint(ledger)
		for at, end := range ends {
			if row := ledger[at]; (at.partition == 1) != (row.halted != "") || at.partition != 1 && row.next < end {
				return false, state
			}
		}
		return true, state
	})
	later := recordsOf(t, s.topic(), 1, madeRides(random(t), 50), writeTLC) // to partition 0, which goes on
	s.publish(later)
	target := later[len(later)-1].record.Offset + 1
	eventually(t, time.Minute, "another partition to go on", func() (bool, string) {
		row := s.ledger(conn)[place{topic: s.topic()}]
		return row.next == target, row.String()
	})
	if text := p.stderr.String(); !strings.Contains(text, fmt.Sprint(first)) || !strings.Contains(text, fmt.Sprint(next)) {
		t.Errorf("stderr does not name the lost range [%d,%d): %s", first, next, tail(text))
	}
	p.signal(syscall.SIGTERM)
	p.wait(stopBound)
	for _, r := range kept {
		if r.record.Partition != 1 || r.record.Offset < first {
			later = append(later, r)
		}
	}
	s.checkStored(later)
}
