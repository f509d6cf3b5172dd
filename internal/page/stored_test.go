package page

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"ridesink/internal/localenv"
	"ridesink/migrations"
)

// With thousands of dead letters of several reasons in some partitions the newest few of each are read, values only where they may be shown.
func TestReadStored(t *testing.T) {
	t.Parallel()
	url := localenv.Database(t)
	if _, _, err := migrations.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	topics := []string{"rides", "more"}
	if s, err := ReadStored(t.Context(), db, topics, true); err != nil || s.Partitions != 0 || len(s.Reasons) != 0 {
		t.Errorf("of empty tables: %+v, %v", s, err)
	}
	for _, sql := range []string{
		`INSERT INTO sink_ledger (kafka_topic, kafka_partition, first_offset, next_offset, inserted, dead_lettered, tombstones, not_records, lost, halted_reason)
		 VALUES ('rides', 0, 0, 6000, 1000, 5000, 0, 0, 0, NULL), ('rides', 1, 0, 30, 0, 7, 8, 9, 6, 'why'), ('more', 0, 0, 5, 5, 0, 0, 0, 0, NULL), ('other', 0, 0, 1, 0, 1, 0, 0, 0, NULL)`,
		`INSERT INTO sink_dead_letters (kafka_topic, kafka_partition, kafka_offset, record_value, reason, error, created_at)
		 SELECT 'rides', 0, n, convert_to('value ' || n, 'UTF8'), CASE WHEN n < 100 THEN 'old' ELSE 'bad_time' END, 'error ' || n, '2026-01-01'::timestamptz + n * interval '1 second' FROM generate_series(1, 5000) n`,
		`INSERT INTO sink_dead_letters (kafka_topic, kafka_partition, kafka_offset, record_value, reason, error)
		 SELECT 'rides', 1, n, CASE WHEN n = 7 THEN NULL ELSE convert_to(repeat('x', 5000), 'UTF8') END, 'too_large', 'e' FROM generate_series(1, 7) n`,
		`INSERT INTO sink_dead_letters (kafka_topic, kafka_partition, kafka_offset, reason, error) VALUES ('other', 0, 0, 'elsewhere', 'e')`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	s, err := ReadStored(t.Context(), db, topics, true)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{Inserted: 1005, DeadLetters: 5007, Tombstones: 8, NotRecords: 9, Lost: 6}); s.Totals != want || s.Partitions != 3 || s.Halted != 1 {
		t.Errorf("%+v of %d partitions, %d halted; want %+v of 3, 1 halted", s.Totals, s.Partitions, s.Halted, want)
	}
	if s.Examined != lettersExamined/2+7 || len(s.Reasons) != 2 {
		t.Fatalf("%d examined, %d reasons: %+v; want the newest %d of rides/0, all 7 of rides/1, and no old ones", s.Examined, len(s.Reasons), s.Reasons, lettersExamined/2)
	}
	times, large := s.Reasons[0], s.Reasons[1]
	if times.Name != "bad_time" || times.Seen != lettersExamined/2 || len(times.Samples) != samplesShown || times.Samples[0].Offset != 5000 ||
		string(times.Samples[2].Value) != "value 4998" || times.Samples[2].Size != 10 || times.Samples[2].Error != "error 4998" || !times.Newest.Equal(times.Samples[0].At) {
		t.Errorf("%+v", times)
	}
	if large.Name != "too_large" || large.Seen != 7 || len(large.Samples[0].Value) != 0 || len(large.Samples[1].Value) != valueBytes || large.Samples[1].Size != 5000 {
		t.Errorf("%+v", large)
	}
	hidden, err := ReadStored(t.Context(), db, topics, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range hidden.Reasons {
		for _, sample := range r.Samples {
			if sample.Value != nil || sample.Error != "" || sample.Size != 0 || sample.Offset == 0 {
				t.Errorf("without values: %+v", sample)
			}
		}
	}
}
