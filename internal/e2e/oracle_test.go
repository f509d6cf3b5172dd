package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ridesink/internal/localenv"

	"github.com/jackc/pgx/v5"
)

// oracle_test.go tests the tests: an oracle that overlooks a fault, or a relay that stops nowhere, would prove nothing.

// complaints is a testing.TB that keeps what a check says instead of failing.
type complaints struct {
	testing.TB
	said []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}
func (c *complaints) Failed() bool { return len(c.said) > 0 }

// FailNow ends the check, as the real one ends a test.
func (c *complaints) FailNow() { panic(c) }

func (c *complaints) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	c.FailNow()
}

// complaintsOf runs a check of the scene and returns what it complains of.
func complaintsOf(s scene, check func(s scene)) string {
	c := &complaints{TB: s.t}
	s.t = c
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(c) {
				panic(p)
			}
		}()
		check(s)
	}()
	return strings.Join(c.said, "\n")
}

// TestOracle holds: checkStored is content with a correct table, and complains of each of these faults.
func TestOracle(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	records := s.publishRides(60, 2, writeTLC)
	s.backfilled(0)
	for _, test := range []struct {
		scenario, sql, wantComplaint string
	}{
		{"nothing is changed", "SELECT 1", ""},
		{"a ride is gone", "DELETE FROM rides WHERE kafka_partition = 1 AND kafka_offset = 7", "missing"},
		{"a ride is there twice", "INSERT INTO rides SELECT * FROM rides WHERE kafka_partition = 1 AND kafka_offset = 7", "twice"},
		{"a ride was never sent", "INSERT INTO rides (kafka_topic, kafka_partition, kafka_offset) VALUES ('x', 0, 0)", "never sent"},
		{"a fare has lost a digit", "UPDATE rides SET fare_amount = trim_scale(fare_amount) + 0.01 WHERE kafka_offset = 3", "differs"},
		{"a decimal has another scale", "UPDATE rides SET trip_distance = round(trip_distance, 3)", "differs"},
		{"a time is an hour off", "UPDATE rides SET pickup_datetime = pickup_datetime + interval '1 hour' WHERE kafka_offset = 3", "differs"},
		{"a NULL became a zero", "UPDATE rides SET ehail_fee = 0 WHERE kafka_offset = 0", "differs"},
		{"a timestamp is a millisecond off", "UPDATE rides SET kafka_timestamp = kafka_timestamp + interval '1 ms' WHERE kafka_offset = 0", "differs"},
		{"a count does not close", "UPDATE sink_ledger SET inserted = inserted + 1 WHERE kafka_partition = 0", "do not close"},
		{"two counts are mixed up", "UPDATE sink_ledger SET inserted = inserted - 1, not_records = not_records + 1", "the ledger counts"},
		{
			"a dead letter from nowhere",
			"INSERT INTO sink_dead_letters (kafka_topic, kafka_partition, kafka_offset, reason, error) VALUES ('x', 0, 0, 'invalid_json', 'x')", "should not be",
		},
	} {
		if err := s.changed(test.sql, func(in scene) {
			got := complaintsOf(in, func(s scene) { s.checkStored(records) })
			if (test.wantComplaint == "") != (got == "") || !strings.Contains(got, test.wantComplaint) {
				t.Errorf("%s: the oracle says %q, want a complaint with %q", test.scenario, got, test.wantComplaint)
			}
		}); err != nil {
			t.Fatalf("%s: %v", test.scenario, err)
		}
	}
}

// changed calls look with a copy of the scene's tables to which sql was done.
func (s scene) changed(sql string, look func(scene)) error {
	conn, ctx := s.connect(), s.t.Context()
	schema := value[string](s.t, conn, "SELECT current_schema()")
	copied := "copy_" + value[string](s.t, conn, "SELECT md5(random()::text)")
	statements := []string{"CREATE SCHEMA " + copied}
	for _, table := range []string{"rides", "sink_ledger", "sink_dead_letters"} {
		statements = append(statements, fmt.Sprintf("CREATE TABLE %s.%s AS TABLE %s.%s", copied, table, pgx.Identifier{schema}.Sanitize(), table))
	}
	statements = append(statements, "SET search_path = "+copied, sql)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	look(s.through(withParameter(s.t, s.url, "search_path", copied)))
	_, err := conn.Exec(ctx, "DROP SCHEMA "+copied+" CASCADE")
	return err
}

// TestRelay holds: each gate stops the traffic where it says, and lets it go on afterwards.
func TestRelay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		gate     *gate
		rows     int64 // that others see while the gate holds
		copies   int   // sessions inside COPY meanwhile
	}{
		{scenario: "inside COPY", gate: insideCopy(), copies: 1},
		{scenario: "after as many bytes as are inside the COPY", gate: afterBytes(100_000), copies: 1},
		{scenario: "before the reply to COMMIT", gate: beforeCommitReply(0), rows: 50_000},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			databaseURL := localenv.Database(t)
			direct := connect(t, databaseURL)
			if _, err := direct.Exec(t.Context(), "CREATE TABLE rides (n bigint)"); err != nil {
				t.Fatal(err)
			}
			relayed := connect(t, startRelay(t, databaseURL, test.gate, 0).url(databaseURL))
			done := make(chan error, 1)
			go func() { done <- copyNumbers(t.Context(), relayed, 50_000) }() // ends with the gate open, or with the relay
			receive(t, 10*time.Second, "the gate to hold", test.gate.reached)
			eventually(t, 10*time.Second, "what the server sees", func() (bool, string) {
				copies, rows := value[int](t, direct, copiesInProgress), value[int64](t, direct, "SELECT count(*) FROM rides")
				return copies == test.copies && rows == test.rows, fmt.Sprintf("%d copies, %d rows", copies, rows)
			})
			select {
			case err := <-done:
				t.Fatalf("the client was not held: %v", err)
			default:
			}
			test.gate.open()
			if err := receive(t, 10*time.Second, "the client to go on", done); err != nil {
				t.Fatal(err)
			}
			if rows := value[int64](t, direct, "SELECT count(*) FROM rides"); rows != 50_000 {
				t.Errorf("%d rows in the end", rows)
			}
		})
	}
}

// copiesInProgress counts sessions that are inside a COPY into this schema's rides.
const copiesInProgress = `SELECT count(DISTINCT p.pid)::int FROM pg_stat_progress_copy p JOIN pg_class c ON c.oid = p.relid
	JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname = 'rides'`

// copyNumbers copies n numbers into rides in a transaction.
func copyNumbers(ctx context.Context, conn *pgx.Conn, n int64) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	i := int64(0)
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"rides"}, []string{"n"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i == n {
			return nil, nil
		}
		i++
		return []any{i}, nil
	}))
	return errors.Join(err, tx.Commit(ctx))
}
