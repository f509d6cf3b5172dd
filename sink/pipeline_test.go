package sink

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Every record is a row, a dead letter or a tombstone, and a second run finds nothing to do.
func TestEveryRecordIsAccountedForOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	f.send(0, rides(0, 100)...)
	f.send(1, []byte("no json"), nil, []byte{}, rides(1, 1)[0])
	for run, want := range []Counts{{Inserted: 101, DeadLetters: 2, Tombstones: 1}, {}} {
		sum := f.backfill(f.config())
		if sum.ThisRun != want {
			t.Errorf("run %d: %+v, want %+v", run, sum.ThisRun, want)
		}
		if !sum.HasDeadLetters() {
			t.Errorf("run %d: the summary does not know of the dead letters", run)
		}
	}
	if n := f.count("SELECT count(*) FROM sink_dead_letters WHERE kafka_partition = 1 AND record_value = '' AND kafka_offset = 2"); n != 1 {
		t.Error("the empty value was not kept as an empty value")
	}
}

// A record that only the database refuses becomes a dead letter with the database's code; the others are stored.
func TestARecordThatTheDatabaseRefusesIsADeadLetter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, ddl, state string }{
		{"by a check", "ALTER TABLE rides ADD CONSTRAINT few CHECK (vendor_id NOT IN (0, 41, 99))", "23514"},
		{"by a trigger that raises", `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.vendor_id IN (0, 41, 99) THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
			CREATE TRIGGER refuse BEFORE INSERT ON rides FOR EACH ROW EXECUTE FUNCTION refuse()`, "P0001"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			f.exec(c.ddl)
			f.send(0, rides(0, 100)...)
			if sum := f.backfill(f.config()); sum.ThisRun != (Counts{Inserted: 97, DeadLetters: 3}) {
				t.Errorf("%+v, want 97 inserted and 3 dead letters\n%s", sum.ThisRun, f.log)
			}
			if n := f.count("SELECT count(*) FROM sink_dead_letters WHERE reason = 'rejected_by_database' AND sqlstate = $1 AND kafka_offset IN (0, 41, 99)", c.state); n != 3 {
				t.Errorf("%d dead letters with SQLSTATE %s at the right offsets, want 3", n, c.state)
			}
			if n := f.count("SELECT count(DISTINCT vendor_id) FROM rides WHERE vendor_id NOT IN (0, 41, 99)"); n != 97 {
				t.Errorf("%d of the other rides are stored, want 97", n)
			}
		})
	}
}

// A topic of which the database refuses every record becomes dead letters, batch by batch, and what comes after it is stored as usual.
func TestARangeThatTheDatabaseRefusesIsPassed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.exec("ALTER TABLE rides ADD CONSTRAINT small CHECK (vendor_id < 1000)")
	f.send(0, rides(1000, 2000)...)
	f.send(0, rides(0, 500)...)
	cfg := f.config()
	cfg.MaxDeadLetters = DeadLetterLimit{}
	if sum := f.backfill(cfg); sum.ThisRun != (Counts{Inserted: 500, DeadLetters: 2000}) {
		t.Errorf("%+v, want 500 inserted and 2,000 dead letters\n%s", sum.ThisRun, f.log)
	}
}

// A ledger row that vanishes during a backfill ends it, with an error that says so.
func TestABackfillEndsWhereALedgerRowVanishes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	f.send(0, rides(0, 2000)...)
	s := f.sink(f.config())
	var once sync.Once
	s.writer.points = &points{at: func(at point) {
		if at == afterCopy {
			once.Do(func() {
				if _, err := s.db.Exec(t.Context(), "DELETE FROM sink_ledger WHERE kafka_partition = 0"); err != nil {
					t.Error(err)
				}
			})
		}
	}}
	if _, err := s.Backfill(t.Context(), nil); !errors.Is(err, errRowVanished) {
		t.Errorf("Backfill = %v, want %v", err, errRowVanished)
	}
	if n := f.count("SELECT count(*) FROM rides"); n != 0 {
		t.Errorf("%d rides, want none", n)
	}
}

// What no record is to blame for halts the partition: nothing is buried in dead letters.
func TestWhatNoRecordIsToBlameForHalts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, ddl, names string }{
		{"a constraint that is checked at COMMIT", `CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too late'; END $$;
			CREATE CONSTRAINT TRIGGER late AFTER INSERT ON rides DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()`, "too late"},
		{"a trigger on the dead letters", `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no letters'; END $$;
			CREATE TRIGGER refuse BEFORE INSERT ON sink_dead_letters FOR EACH ROW EXECUTE FUNCTION refuse()`, "no letters"},
		{"a unique index that the records do not fit", `CREATE UNIQUE INDEX once ON rides (pickup_datetime)`, "once"},
		{"a trigger that drops rows", `CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER forget BEFORE INSERT ON rides FOR EACH ROW EXECUTE FUNCTION forget()`, "trigger"},
		{"a partition of rides that is missing", `ALTER TABLE rides RENAME TO old_rides; CREATE TABLE rides (LIKE old_rides) PARTITION BY RANGE (pickup_datetime)`, "partition"},
		{"a column that was dropped", `ALTER TABLE rides DROP COLUMN tip_amount`, "tip_amount"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			f.exec(c.ddl)
			f.send(0, append(rides(0, 10), []byte("{"))...)
			sum := f.backfill(f.config())
			if !sum.Halted() || !strings.Contains(sum.Partitions[0].HaltedReason, c.names) {
				t.Errorf("state %s because of %q, want halted and %q named", sum.Partitions[0].State, sum.Partitions[0].HaltedReason, c.names)
			}
			if n := f.count("SELECT (SELECT count(*) FROM rides) + (SELECT count(*) FROM sink_dead_letters) + (SELECT next_offset FROM sink_ledger)"); n != 0 {
				t.Errorf("%d rows, dead letters and offsets passed, want none", n)
			}
		})
	}
}

// Retention or DeleteRecords passed the position by: that partition halts with the range, or goes on with the range counted as lost.
func TestLostRecords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy DataLoss
		halted bool
		want   Counts // of partition 0
	}{
		{policy: HaltOnDataLoss, halted: true, want: Counts{Inserted: 10}},
		{policy: SkipOnDataLoss, want: Counts{Inserted: 15, Lost: 5}},
	} {
		t.Run(string(c.policy), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 2)
			f.send(0, rides(0, 10)...)
			f.backfill(f.config())
			f.send(0, rides(10, 10)...)
			f.send(1, rides(20, 10)...)
			var deleted kadm.Offsets
			deleted.AddOffset(f.topic, 0, 15, -1)
			if _, err := f.admin().DeleteRecords(t.Context(), deleted); err != nil {
				t.Fatal(err)
			}
			cfg := f.config()
			cfg.OnDataLoss = c.policy
			sum := f.backfill(cfg)
			lossy, other := sum.Partitions[0], sum.Partitions[1]
			if lossy.Counts != c.want || (lossy.State == StateHalted) != c.halted {
				t.Errorf("the partition is %s with %+v, want %+v\n%s", lossy.State, lossy.Counts, c.want, f.log)
			}
			if c.halted && !strings.Contains(lossy.HaltedReason, "[10,15)") {
				t.Errorf("the reason %q does not name the range [10,15)", lossy.HaltedReason)
			}
			if other.State != StateDone || other.Inserted != 10 {
				t.Errorf("the other partition is %s with %d inserted, want it done with 10", other.State, other.Inserted)
			}
			events := f.count("SELECT count(*) FROM sink_events WHERE event = 'accepted_loss' AND first_offset = 10 AND next_offset = 15")
			if want := map[bool]int{true: 0, false: 1}[c.halted]; events != want {
				t.Errorf("%d events record the loss, want %d", events, want)
			}
		})
	}
}

// A topic that was deleted and made again counts other records under the same offsets: nothing of it may be stored beside the old ones, whether
// it is longer or shorter than the old one was.
func TestARecreatedTopicHalts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{20, 10, 3, 0} {
		t.Run(fmt.Sprint("with ", n, " records"), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			f.send(0, rides(0, 10)...)
			f.backfill(f.config())
			f.recreate()
			f.send(0, rides(50, n)...)
			sum := f.backfill(f.config())
			if !sum.Halted() || !strings.Contains(sum.Partitions[0].HaltedReason, "made again") {
				t.Errorf("state %s because of %q, want halted because the topic was made again", sum.Partitions[0].State, sum.Partitions[0].HaltedReason)
			}
			if n := f.count("SELECT count(*) FROM rides"); n != 10 {
				t.Errorf("%d rides, want the 10 of the old topic", n)
			}
		})
	}
}

// A position beyond the end of the log, as after an unclean election, halts.
func TestATruncatedLogHalts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	f.backfill(f.config())
	f.exec("UPDATE sink_ledger SET next_offset = 25, inserted = 25") // as if it had read what the log has lost
	sum := f.backfill(f.config())
	if !sum.Halted() || !strings.Contains(sum.Partitions[0].HaltedReason, "position 25 is beyond the end of the log at 10") {
		t.Errorf("state %s because of %q, want halted beyond the end", sum.Partitions[0].State, sum.Partitions[0].HaltedReason)
	}
}

// Batches of the log that do not fit into a partition's share of the memory are moved all the same, up to a limit that halts.
func TestBatchesLargerThanTheShare(t *testing.T) {
	t.Parallel()
	big := func(n int) []byte {
		random := make([]byte, n/2)
		_, _ = rand.Read(random) // never fails
		return fmt.Appendf(nil, `{"VendorID": 1, "note": "%x"}`, random)
	}
	zeros := []byte(`{"VendorID": 2, "note": "` + strings.Repeat("0", 8<<20) + `"}`) // compresses to nearly nothing
	t.Run("large in the log, and large once decompressed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, 1)
		f.send(0, rides(0, 10)...)
		f.send(0, big(900_000))
		f.sendCompressed(zeros)
		f.send(0, rides(10, 10)...)
		cfg := f.config()
		cfg.MemoryBytes, cfg.MaxBatchBytes = 1<<20, 16<<20
		if sum := f.backfill(cfg); sum.ThisRun.Inserted != 22 || sum.Halted() {
			t.Fatalf("%+v, want 22 inserted and nothing halted\n%s", sum.ThisRun, f.log)
		}
		if n := f.count("SELECT count(*) FROM rides WHERE length(extra_fields->>'note') > 800000"); n != 2 {
			t.Errorf("%d large notes are stored, want 2", n)
		}
	})
	t.Run("above the limit", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, 1)
		f.send(0, rides(0, 10)...)
		f.sendCompressed(zeros)
		cfg := f.config()
		cfg.MemoryBytes, cfg.MaxBatchBytes = 1<<20, 4<<20
		sum := f.backfill(cfg)
		if p := sum.Partitions[0]; p.State != StateHalted || !strings.Contains(p.HaltedReason, "[10,11)") || !strings.Contains(p.HaltedReason, "--max-batch-bytes") {
			t.Errorf("state %s because of %q, want halted with the range [10,11) and the option that raises the limit", p.State, p.HaltedReason)
		}
		if sum.ThisRun.Inserted != 10 {
			t.Errorf("%d inserted, want the 10 before", sum.ThisRun.Inserted)
		}
	})
}

// sendCompressed sends one gzip batch that is small on the wire.
func (f *fixture) sendCompressed(value []byte) {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...), kgo.DefaultProduceTopic(f.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(64<<20), kgo.BrokerMaxWriteBytes(128<<20))
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(f.t.Context(), &kgo.Record{Value: value}).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// Keys, headers and timestamps of a bad record come back byte for byte, null and empty told apart.
func TestDeadLettersLoseNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	key, value := []byte{0, 0xff, 'k'}, []byte{0, 0xfe, 0xff}
	headers := []kgo.RecordHeader{{Key: "a", Value: []byte{1}}, {Key: "a", Value: []byte{}}, {Key: "\xff", Value: nil}, {Key: ""}}
	if err := f.producer.ProduceSync(t.Context(), &kgo.Record{Key: key, Value: value, Headers: headers}, &kgo.Record{Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	f.backfill(f.config())
	var gotKey, gotValue []byte
	var gotHeaders pgtype.Array[[]byte]
	row := f.db.QueryRow(t.Context(), "SELECT record_key, record_value, record_headers FROM sink_dead_letters WHERE kafka_offset = 0")
	if err := row.Scan(&gotKey, &gotValue, &gotHeaders); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(gotKey, key) || !bytes.Equal(gotValue, value) || len(gotHeaders.Elements) != 2*len(headers) || len(gotHeaders.Dims) != 2 {
		t.Fatalf("key %x, value %x, %d headers, want %x, %x, %d", gotKey, gotValue, len(gotHeaders.Elements)/2, key, value, len(headers))
	}
	for i, h := range headers {
		if got := gotHeaders.Elements[2*i : 2*i+2]; string(got[0]) != h.Key || !bytes.Equal(got[1], h.Value) || (got[1] == nil) != (h.Value == nil) {
			t.Errorf("header %d is %x: %x (null: %t), want %x: %x (null: %t)", i, got[0], got[1], got[1] == nil, h.Key, h.Value, h.Value == nil)
		}
	}
	if n := f.count("SELECT count(*) FROM sink_dead_letters WHERE kafka_offset = 1 AND record_key IS NULL AND record_headers IS NULL"); n != 1 {
		t.Error("a null key or missing headers did not stay null")
	}
}

// The position in PostgreSQL counts, whatever stands in Kafka, and Kafka's never runs ahead of it.
func TestKafkasCommittedOffsetDecidesNothing(t *testing.T) {
	t.Parallel()
	for _, garbage := range []int64{0, 3, 1 << 40} {
		t.Run(fmt.Sprint("committed at ", garbage), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			f.send(0, rides(0, 10)...)
			f.backfill(f.config())
			var offsets kadm.Offsets
			offsets.AddOffset(f.topic, 0, garbage, -1)
			if err := f.admin().CommitAllOffsets(t.Context(), f.topic, offsets); err != nil {
				t.Fatal(err)
			}
			f.send(0, rides(10, 5)...)
			if sum := f.backfill(f.config()); sum.ThisRun.Inserted != 5 {
				t.Errorf("%d inserted, want the 5 new ones\n%s", sum.ThisRun.Inserted, f.log)
			}
			committed, err := f.admin().FetchOffsets(t.Context(), f.topic)
			if err != nil {
				t.Fatal(err)
			}
			if at, _ := committed.Lookup(f.topic, 0); at.At != 15 {
				t.Errorf("Kafka has %d committed at the end, want 15", at.At)
			}
		})
	}
}

// A database that was restored from a backup is read on from what it says.
func TestARewoundDatabaseHealsItself(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	f.backfill(f.config())
	err := pgx.BeginFunc(t.Context(), f.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM rides WHERE kafka_offset >= 4")
		if err == nil {
			_, err = tx.Exec(t.Context(), "UPDATE sink_ledger SET next_offset = 4, inserted = 4")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum := f.backfill(f.config()); sum.ThisRun.Inserted != 6 {
		t.Errorf("%d inserted, want the 6 that the backup did not have", sum.ThisRun.Inserted)
	}
	if n := f.count("SELECT count(DISTINCT kafka_offset) FROM rides"); n != 10 {
		t.Errorf("%d rides, want 10", n)
	}
}

// A record that the database refuses is found in a batch of the log that is larger than its partition's share too.
func TestARefusedRecordInALargeBatchIsADeadLetter(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.exec("ALTER TABLE rides ADD CONSTRAINT few CHECK (vendor_id NOT IN (0, 1500, 2999))")
	f.send(0, rides(0, 3000)...) // one batch of the log, some 250 KiB
	cfg := f.config()
	cfg.MemoryBytes = 1 << 20 // a share is then 174,762 bytes
	if sum := f.backfill(cfg); sum.ThisRun != (Counts{Inserted: 2997, DeadLetters: 3}) {
		t.Errorf("%+v, want 2,997 inserted and 3 dead letters\n%s", sum.ThisRun, f.log)
	}
}
