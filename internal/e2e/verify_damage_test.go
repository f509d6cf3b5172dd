package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// verify_damage_test.go: each kind of damage, made by SQL in a copy of the tables, is found by sink verify where it was done; and what only looks
// like damage is not.

// copied calls look with a copy of the scene's tables in which sql was done. Copies have no keys and no indexes.
func (s scene) copied(look func(scene), sql ...string) {
	s.t.Helper()
	conn := s.connect()
	schema := value[string](s.t, conn, "SELECT current_schema()")
	to := "copy_" + value[string](s.t, conn, "SELECT md5(random()::text)")
	statements := []string{"CREATE SCHEMA " + to}
	for _, table := range []string{"rides", "sink_ledger", "sink_dead_letters", "sink_events", "sink_schema_migrations"} {
		statements = append(statements, fmt.Sprintf("CREATE TABLE %s.%s AS TABLE %s.%s", to, table, pgx.Identifier{schema}.Sanitize(), table))
	}
	for _, statement := range append(append(statements, "SET search_path = "+to), sql...) {
		if _, err := conn.Exec(s.t.Context(), statement); err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
	}
	look(s.through(withParameter(s.t, s.url, "search_path", to)))
	if _, err := conn.Exec(s.t.Context(), "DROP SCHEMA "+to+" CASCADE"); err != nil {
		s.t.Fatal(err)
	}
}

// TestVerifyFindsDamage holds: of each kind of damage verify names the kind, the partition, the offset and the column, and exits with 5.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.richRides()
	s.backfilled(4)
	conn := s.connect()
	one := func(sql string) int64 { return value[int64](t, conn, sql) }
	row := one("SELECT max(kafka_offset) FROM rides WHERE kafka_partition = 1 AND taxi_type = 'green' AND trip_distance <> 0")
	letter := one("SELECT min(kafka_offset) FROM sink_dead_letters WHERE kafka_partition = 1 AND record_key IS NULL AND record_headers IS NOT NULL")
	next := one("SELECT next_offset FROM sink_ledger WHERE kafka_partition = 1")
	gap := one(`SELECT min(n) FROM generate_series(0, (SELECT next_offset FROM sink_ledger WHERE kafka_partition = 1) - 1) n
		WHERE NOT EXISTS (SELECT FROM rides WHERE kafka_partition = 1 AND kafka_offset = n) AND NOT EXISTS (SELECT FROM sink_dead_letters WHERE kafka_partition = 1 AND kafka_offset = n)`)
	lastGap := one(`SELECT max(n) FROM generate_series(0, (SELECT next_offset FROM sink_ledger WHERE kafka_partition = 1) - 1) n
		WHERE NOT EXISTS (SELECT FROM rides WHERE kafka_partition = 1 AND kafka_offset = n) AND NOT EXISTS (SELECT FROM sink_dead_letters WHERE kafka_partition = 1 AND kafka_offset = n)`)
	at := func(offset int64) string {
		return fmt.Sprintf(" WHERE kafka_partition = 1 AND kafka_offset = %d", offset)
	}
	insert := "INSERT INTO rides (kafka_topic, kafka_partition, kafka_offset) VALUES ('" + s.topic() + "', %d, %d)"
	type want struct {
		kind      string
		partition int32
		offset    int64
		column    string
		detail    string
	}
	for _, test := range []struct {
		scenario, sql string
		want          want
	}{
		{"a row is deleted", "DELETE FROM rides" + at(row), want{"missing", 1, row, "", ""}},
		{
			"the last row of the table is deleted", "DELETE FROM rides WHERE kafka_partition = 1 AND kafka_offset = (SELECT max(kafka_offset) FROM rides WHERE kafka_partition = 1)",
			want{"missing", 1, one("SELECT max(kafka_offset) FROM rides WHERE kafka_partition = 1"), "", ""},
		},
		{"a row is there twice", "INSERT INTO rides SELECT * FROM rides" + at(row), want{"doubled", 1, row, "", "rides"}},
		{
			"a row is a dead letter too", "INSERT INTO sink_dead_letters SELECT kafka_topic, kafka_partition, kafka_offset, kafka_timestamp, NULL, '{}', NULL, 'bad_time', 'x' FROM rides" + at(row),
			want{"doubled", 1, row, "", "sink_dead_letters"},
		},
		{"a dead letter is there twice", "INSERT INTO sink_dead_letters SELECT * FROM sink_dead_letters" + at(letter), want{"doubled", 1, letter, "", ""}},
		{"a dead letter is deleted", "DELETE FROM sink_dead_letters" + at(letter), want{"missing", 1, letter, "", ""}},
		{"a dead letter's value has a byte more", "UPDATE sink_dead_letters SET record_value = record_value || '\\x00'" + at(letter), want{"different", 1, letter, "record_value", ""}},
		{"a dead letter's null key became empty", "UPDATE sink_dead_letters SET record_key = ''" + at(letter), want{"different", 1, letter, "record_key", ""}},
		{"a dead letter lost its headers", "UPDATE sink_dead_letters SET record_headers = NULL" + at(letter), want{"different", 1, letter, "record_headers", ""}},
		{"a dead letter is a second off", "UPDATE sink_dead_letters SET kafka_timestamp = kafka_timestamp + interval '1 s'" + at(letter), want{"different", 1, letter, "kafka_timestamp", ""}},
		{"a dead letter has another reason", "UPDATE sink_dead_letters SET reason = 'unknown_schema'" + at(letter), want{"different", 1, letter, "reason", ""}},
		{"a row has a future offset", fmt.Sprintf(insert, 1, next+5), want{"not_covered", 1, next + 5, "", ""}},
		{"a row has an unknown partition", fmt.Sprintf(insert, 77, 3), want{"not_covered", 77, 3, "", ""}},
		{"a dead letter has an unknown partition", "UPDATE sink_dead_letters SET kafka_partition = 78" + at(letter), want{"not_covered", 78, letter, "", ""}},
		{"a row where a transaction was aborted or ended", fmt.Sprintf(insert, 1, gap), want{"no_record", 1, gap, "", ""}},
		{"a row of a tombstone", fmt.Sprintf(insert, 1, lastGap), want{"different", 1, lastGap, "", "tombstone"}},
		{"a row of a bad record", fmt.Sprintf(insert, 1, letter) + "; DELETE FROM sink_dead_letters" + at(letter), want{"different", 1, letter, "", "dead letter"}},
		{"a row is of another topic", "UPDATE rides SET kafka_topic = 'other'" + at(row), want{"missing", 1, row, "", ""}},
		{"a row moved to another offset", fmt.Sprintf("UPDATE rides SET kafka_offset = %d", gap) + at(row), want{"missing", 1, row, "", ""}},
		{"the position is too low", "UPDATE sink_ledger SET next_offset = next_offset - 3, tombstones = tombstones - 3 WHERE kafka_partition = 1", want{"not_covered", 1, -1, "", "covers"}},
		{"the first offset is too high", "UPDATE sink_ledger SET first_offset = first_offset + 3, inserted = inserted - 3 WHERE kafka_partition = 1", want{"not_covered", 1, 0, "", "covers"}},
		{"the position is beyond the log", "UPDATE sink_ledger SET next_offset = next_offset + 100, lost = lost + 100 WHERE kafka_partition = 1", want{"ledger", 1, next, "", "truncated"}},
		{"the sums do not close", "UPDATE sink_ledger SET not_records = not_records + 1 WHERE kafka_partition = 1", want{"ledger", 1, -1, "", "add up"}},
		{"two counts are mixed up", "UPDATE sink_ledger SET not_records = not_records + 1, tombstones = tombstones - 1 WHERE kafka_partition = 1", want{"ledger", 1, -1, "", "tombstones"}},
		{"rows and dead letters are mixed up", "UPDATE sink_ledger SET inserted = inserted + 1, dead_lettered = dead_lettered - 1 WHERE kafka_partition = 1", want{"ledger", 1, -1, "", "rides has"}},
		{"a loss is claimed that nobody accepted", "UPDATE sink_ledger SET inserted = inserted - 1, lost = lost + 1 WHERE kafka_partition = 1", want{"ledger", 1, -1, "", "sink_events"}},
		{"the ledger has no row", "DELETE FROM sink_ledger WHERE kafka_partition = 1", want{"not_covered", 1, -1, "", "no row"}},
		{"another topic's id", "UPDATE sink_ledger SET topic_id = gen_random_uuid() WHERE kafka_partition = 1", want{"ledger", 1, -1, "", "made again"}},
		{"another last record", "UPDATE sink_ledger SET last_timestamp = last_timestamp + 1 WHERE kafka_partition = 1", want{"ledger", 1, next - 1, "", "grown again"}},
		{"an accepted loss explains less than is missing", "DELETE FROM rides" + at(row) + fmt.Sprintf("; DELETE FROM rides WHERE kafka_partition = 1 AND kafka_offset < 2; "+
			"INSERT INTO sink_events (event_id, event, kafka_topic, kafka_partition, first_offset, next_offset) VALUES (1, 'accepted_loss', '%s', 1, 0, %d); ", s.topic(), row+1) +
			"UPDATE sink_ledger SET inserted = inserted - 2, lost = lost + 2 WHERE kafka_partition = 1", want{"missing", 1, row, "", "accepted_loss"}},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := s
			s.t = t
			s.copied(func(s scene) {
				v := s.verified(5)
				if !slices.ContainsFunc(v.Differences, func(d verifiedDifference) bool {
					w := test.want
					return d.Kind == w.kind && d.Partition == w.partition && (d.Offset == w.offset || w.offset < 0 && w.kind != "ledger") && d.Column == w.column && strings.Contains(d.Detail, w.detail)
				}) {
					t.Errorf("want %+v among the differences %+v; %s", test.want, v.Differences, v.Verdict)
				}
			}, test.sql)
		})
	}
}

// TestVerifyFindsEveryColumn holds: a value that changed in any column is found, with the column and both values; so is a NULL that
// should not be one.
func TestVerifyFindsEveryColumn(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.publishRides(200, 1, writeMixed)
	s.backfilled(0)
	columns := strings.Split("kafka_timestamp, "+storedColumns, ", ")
	conn := s.connect()
	other := map[string]string{
		"integer": "coalesce(%[1]s, 0) + 1", "numeric": "coalesce(%[1]s, 0) + 0.01", "text": "coalesce(%[1]s, '') || 'x'",
		"timestamp without time zone": "coalesce(%[1]s, '2020-01-01') + interval '1 us'",
		"timestamp with time zone":    "%[1]s + interval '1 ms'", "jsonb": `coalesce(%[1]s, '{}') || '{"damage": 1}'`,
	}
	for part := range slices.Chunk(columns, 9) { // as many as a result shows
		var changed []string
		for i, column := range part {
			kind := value[string](t, conn, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'rides'::regclass AND attname = $1", column)
			changed = append(changed, fmt.Sprintf("UPDATE rides SET %s = "+other[kind]+" WHERE kafka_offset = %d", column, 10+i))
			changed = append(changed, fmt.Sprintf("UPDATE rides SET %[1]s = NULL WHERE kafka_offset = (SELECT min(kafka_offset) FROM rides WHERE %[1]s IS NOT NULL AND kafka_offset >= %[2]d)", column, 100+6*i))
		}
		s.copied(func(s scene) {
			v := s.verified(5)
			for i, column := range part {
				if !slices.ContainsFunc(v.Differences, func(d verifiedDifference) bool {
					return d.Offset == int64(10+i) && d.Column == column && d.Stored != d.Record && d.Stored != ""
				}) {
					t.Errorf("%s was changed at offset %d; the differences are %+v", column, 10+i, v.Differences)
				}
				hasValues := value[bool](t, conn, fmt.Sprintf("SELECT EXISTS (SELECT FROM rides WHERE %s IS NOT NULL AND kafka_offset >= %d)", column, 100+6*i))
				if hasValues && !slices.ContainsFunc(v.Differences, func(d verifiedDifference) bool {
					return d.Offset >= 100 && d.Column == column && d.Stored == "NULL" && d.Record != "NULL"
				}) {
					t.Errorf("%s was set to NULL; the differences are %+v", column, v.Differences)
				}
			}
			if int(v.Totals.Different) < len(part) || v.Totals.Missing+v.Totals.Doubled+v.Totals.NoRecord+v.Totals.Ledger != 0 {
				t.Errorf("the totals are %+v", v.Totals)
			}
		}, changed...)
	}
}

// TestVerifyForgives holds: what users do to their table without changing a ride, and what an older binary kept elsewhere, is no difference; a
// column that is gone is a clear error.
func TestVerifyForgives(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	want := s.richRides()
	s.backfilled(4)
	with := func(change func(*verifiedCounts)) verifiedCounts {
		changed := want
		change(&changed)
		return changed
	}
	for _, test := range []struct {
		scenario string
		sql      []string
		want     verifiedCounts
	}{
		{"a column and an index are added, rows were moved about", []string{
			"ALTER TABLE rides ADD COLUMN mine text DEFAULT 'x'", "CREATE INDEX ON rides (kafka_topic, kafka_partition, kafka_offset)", "CLUSTER rides USING rides_kafka_topic_kafka_partition_kafka_offset_idx",
			"UPDATE rides SET mine = 'y' WHERE kafka_offset % 3 = 0",
		}, want},
		{"columns stand in another order", []string{"ALTER TABLE rides ADD COLUMN again numeric", "UPDATE rides SET again = extra", "ALTER TABLE rides DROP COLUMN extra", "ALTER TABLE rides RENAME again TO extra"}, want},
		{"an older binary had no column for airport fees", []string{
			"UPDATE rides SET extra_fields = coalesce(extra_fields, '{}') || jsonb_build_object('Airport_fee', airport_fee), airport_fee = NULL WHERE airport_fee IS NOT NULL",
		}, want},
		{"other topics are there too", []string{"INSERT INTO rides (kafka_topic, kafka_partition, kafka_offset) VALUES ('another', 0, 0)"}, want},
		{
			"PostgreSQL had rejected a bad record for another reason",
			[]string{"UPDATE sink_dead_letters SET reason = 'rejected_by_database', sqlstate = '23514' WHERE reason = 'bad_time'"},
			with(func(c *verifiedCounts) { c.Rejected = 3 }),
		},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := s
			s.t = t
			s.copied(func(s scene) {
				if v := s.verified(0); v.Totals != test.want {
					t.Errorf("the totals are %+v, want %+v", v.Totals, test.want)
				}
			}, test.sql...)
		})
	}
	for _, test := range []struct{ sql, says string }{
		{"ALTER TABLE rides DROP COLUMN tip_amount", "tip_amount"},
		{"ALTER TABLE rides ALTER COLUMN vendor_id TYPE bigint", "vendor_id is bigint"},
	} {
		s.copied(func(s scene) {
			p := s.start("verify")
			p.wantExit(3, longWait)
			if !strings.Contains(p.stderr.String(), test.says) {
				t.Errorf("%s: stderr does not say %q: %s", test.sql, test.says, p.stderr.String())
			}
		}, test.sql)
	}
}
