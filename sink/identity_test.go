package sink

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// A log that has another record where the last covered one was is not gone on with, whether there is more to read or not.
func TestAReplacedLogHalts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario, spoil string
		more            int
	}{
		{"another timestamp, nothing more to read", "UPDATE sink_ledger SET last_timestamp = last_timestamp - 1", 0},
		{"another timestamp, more to read", "UPDATE sink_ledger SET last_timestamp = last_timestamp - 1", 10},
		{"another leader epoch, nothing more to read", "UPDATE sink_ledger SET last_leader_epoch = last_leader_epoch + 1", 0},
		{"another leader epoch, more to read", "UPDATE sink_ledger SET last_leader_epoch = last_leader_epoch + 1", 10},
		{"without topic ids", "UPDATE sink_ledger SET last_leader_epoch = 99, topic_id = NULL", 10},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 2)
			f.send(0, rides(0, 10)...)
			f.backfill(f.config())
			f.exec(c.spoil + " WHERE kafka_partition = 0")
			f.send(0, rides(10, c.more)...)
			f.send(1, rides(100, 10)...)
			sum := f.backfill(f.config())
			p := sum.Partitions[0]
			if p.State != StateHalted || !strings.Contains(p.HaltedReason, "offset 9") || !strings.Contains(p.HaltedReason, "sink reset") {
				t.Errorf("partition 0 is %s because of %q, want halted at offset 9\n%s", p.State, p.HaltedReason, f.log)
			}
			if sum.Partitions[1].State != StateDone || sum.ThisRun.Inserted != 10 {
				t.Errorf("partition 1 is %s with %d rides of this run, want done with 10", sum.Partitions[1].State, sum.ThisRun.Inserted)
			}
		})
	}
}

// A record that retention took cannot be compared, and is not missed.
func TestALogWhoseStartPassedTheLastRecordGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	f.backfill(f.config())
	var deleted kadm.Offsets
	deleted.AddOffset(f.topic, 0, 10, -1)
	if _, err := f.admin().DeleteRecords(f.t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	f.send(0, rides(10, 5)...)
	if sum := f.backfill(f.config()); sum.Halted() || sum.ThisRun.Inserted != 5 {
		t.Errorf("%+v, want 5 inserted\n%s", sum.ThisRun, f.log)
	}
}

// The last covered record may lie in a batch that is larger than a share; it is read again all the same.
func TestALastRecordInALargeBatchIsComparedToo(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	cfg := f.config()
	cfg.MemoryBytes = 1 << 20 // a share is then 174,762 bytes
	large := []byte(`{"VendorID": 1, "note": "` + strings.Repeat("n", 400<<10) + `"}`)
	f.send(0, large)
	f.backfill(cfg)
	if sum := f.backfill(cfg); sum.Halted() {
		t.Errorf("halted because of %q\n%s", sum.Partitions[0].HaltedReason, f.log)
	}
	f.exec("UPDATE sink_ledger SET last_timestamp = 0")
	if sum := f.backfill(cfg); !sum.Halted() {
		t.Error("not halted where the record is another")
	}
}
