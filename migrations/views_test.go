package migrations

import (
	"fmt"
	"strings"
	"testing"

	"ridesink/internal/localenv"
)

// views_test.go: what the views of 0005 say of tables with known content.

func TestStatusView(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	mustUp(t, database, Newest())
	conn := connect(t, database)
	execute(t, conn, `INSERT INTO sink_ledger (kafka_topic, kafka_partition, first_offset, next_offset, last_offset, last_timestamp, inserted, dead_lettered,
		tombstones, not_records, lost, group_id, halted_reason, halted_at, updated_at) VALUES
		('rides', 1, 10, 110, 109, 1593561600123, 90, 4, 3, 2, 1, 'g', NULL, NULL, now() - interval '90 seconds'),
		('rides', 0, 0, 7, 6, -1, 7, 0, 0, 0, 0, 'g', 'the log was truncated', '2026-01-02 03:04:05+00', now()),
		('more', 0, 0, 1, 0, 9223372036854775807, 1, 0, 0, 0, 0, NULL, NULL, NULL, now())`)
	execute(t, conn, "SET timezone = 'UTC'")
	got := names(t, conn, `SELECT concat_ws(' ', kafka_topic || '/' || kafka_partition, position, inserted, dead_letters, tombstones, not_records, lost,
		coalesce(last_record_at::text, '-'), last_write_age >= interval '90 seconds', now() - last_write_age = last_write_at,
		halted, coalesce(halted_reason, '-'), coalesce(halted_at::text, '-'), coalesce(group_id, '-')) FROM sink_status`)
	want := []string{
		"more/0 1 1 0 0 0 0 - f t f - - -", // a timestamp that timestamptz cannot hold
		"rides/0 7 7 0 0 0 0 - f t t the log was truncated 2026-01-02 03:04:05+00 g",
		"rides/1 110 90 4 3 2 1 2020-07-01 00:00:00.123+00 t t f - - g",
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("sink_status says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDeadLetterSummaryView(t *testing.T) {
	t.Parallel()
	database := localenv.Database(t)
	mustUp(t, database, Newest())
	conn := connect(t, database)
	execute(t, conn, `INSERT INTO sink_dead_letters (kafka_topic, kafka_partition, kafka_offset, reason, error, created_at)
		SELECT topic, partition, n, reason, 'e', '2026-01-01 00:00:00+00'::timestamptz + n * interval '1 minute'
		  FROM (VALUES ('rides', 2, 5, 'bad_time'), ('rides', 0, 9, 'bad_time'), ('rides', 0, 7, 'bad_time'), ('rides', 0, 8, 'bad_text'),
		               ('rides', 1, 4200, 'wrong_type'), ('more', 0, 1, 'bad_time')) AS v (topic, partition, n, reason)`)
	execute(t, conn, "SET timezone = 'UTC'")
	got := names(t, conn, `SELECT concat_ws(' ', kafka_topic, reason, dead_letters, partitions, first_stored_at, first_record, last_stored_at, last_record)
		FROM sink_dead_letter_summary`)
	want := []string{
		"more bad_time 1 1 2026-01-01 00:01:00+00 more/0/1 2026-01-01 00:01:00+00 more/0/1",
		"rides bad_time 3 2 2026-01-01 00:05:00+00 rides/2/5 2026-01-01 00:09:00+00 rides/0/9",
		"rides bad_text 1 1 2026-01-01 00:08:00+00 rides/0/8 2026-01-01 00:08:00+00 rides/0/8",
		"rides wrong_type 1 1 2026-01-03 22:00:00+00 rides/1/4200 2026-01-03 22:00:00+00 rides/1/4200",
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("sink_dead_letter_summary says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
