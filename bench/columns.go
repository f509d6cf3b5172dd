package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ridesink/schema"
)

// columns.go: what the columns of rides cost PostgreSQL, and what other tables for the same rides would.

// columnRides is how many rows each table gets at most.
const columnRides = 500_000

// tableVariant is rides made otherwise.
type tableVariant struct {
	name     string
	columns  func(name string) string // what stands for a column in a SELECT from rides; empty: it is left out
	names    []string                 // in another order than that of rides
	unlogged bool
	index    string // over these columns
}

// tableCost is what a variant took, a number a run but for bytes.
type tableCost struct {
	Name       string    `json:"name"`
	Rides      int64     `json:"rides"`
	Seconds    []float64 `json:"copy_seconds"`
	CPU        []float64 `json:"postgres_cpu_seconds"`
	LogBytes   []float64 `json:"wal_bytes"`
	TableBytes int64     `json:"table_bytes"` // without indexes
	IndexBytes int64     `json:"index_bytes"`

	table string
	rows  []byte // as COPY wants them
}

func tableVariants() []tableVariant {
	asIs := func(name string) string { return name }
	cast := func(to string, which func(string) bool) func(string) string {
		return func(name string) string {
			if which(name) {
				return name + "::" + to + " AS " + name
			}
			return name
		}
	}
	without := func(left ...string) func(string) string {
		return func(name string) string {
			if slices.Contains(left, name) {
				return ""
			}
			return name
		}
	}
	return []tableVariant{
		{name: "rides as they are", columns: asIs},
		{name: "columns in the order of the record's fields", columns: asIs, names: namesAsSent()},
		{name: "money and distance as double precision", columns: cast("float8", isNumeric)},
		{name: "small numbers as smallint", columns: cast("smallint", func(name string) bool { return slices.Contains(smallNumbers(), name) })},
		{name: "the topic's name as an integer", columns: func(name string) string {
			if name == "kafka_topic" {
				return "1 AS kafka_topic"
			}
			return name
		}},
		{name: "without topic, partition, offset and timestamp", columns: without("kafka_topic", "kafka_partition", "kafka_offset", "kafka_timestamp")},
		{name: "with an index on topic, partition and offset", columns: asIs, index: "kafka_topic, kafka_partition, kafka_offset"},
		{name: "not logged: gone after a crash", columns: asIs, unlogged: true},
	}
}

func smallNumbers() []string {
	return []string{"vendor_id", "passenger_count", "rate_code_id", "pickup_location_id", "dropoff_location_id", "payment_type", "trip_type"}
}

// isNumeric says whether a column of rides is numeric: those between the flag and the JSON of other fields.
func isNumeric(name string) bool {
	names := schema.Columns()
	return slices.Index(names, name) > slices.Index(names, "store_and_fwd_flag") && name != "extra_fields"
}

// namesAsSent is how one would write the table down from a record: what Kafka says, then the fields as producers send them.
func namesAsSent() []string {
	return []string{
		"kafka_topic", "kafka_partition", "kafka_offset", "kafka_timestamp", "taxi_type", "vendor_id", "pickup_datetime", "dropoff_datetime",
		"passenger_count", "trip_distance", "rate_code_id", "store_and_fwd_flag", "pickup_location_id", "dropoff_location_id", "payment_type",
		"fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "ehail_fee", "improvement_surcharge", "total_amount", "trip_type",
		"congestion_surcharge", "airport_fee", "cbd_congestion_fee", "extra_fields",
	}
}

// columns copies the same rides into each variant, in turns, on one connection. held are rides' rows.
func (e *environment) columns(ctx context.Context, held []chunk, rides int64, runs int) (costs []*tableCost, err error) {
	if _, err := e.floor(ctx, held, rides, 1); err != nil { // rides has them now
		return nil, err
	}
	if _, err := e.conn.Exec(ctx, "CREATE SCHEMA variants"); err != nil {
		return nil, fmt.Errorf("make a schema: %w", err)
	}
	defer func() {
		_, failed := e.conn.Exec(context.WithoutCancel(ctx), "DROP SCHEMA variants CASCADE")
		err = errors.Join(err, failed)
	}()
	for i, v := range tableVariants() {
		c, err := e.makeVariant(ctx, fmt.Sprintf("variants.rides_%d", i), v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		costs = append(costs, c)
	}
	for range runs {
		for _, c := range costs {
			if err := e.fill(ctx, c); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	return costs, nil
}

// makeVariant makes the table, and keeps its rows in memory as COPY wants them.
func (e *environment) makeVariant(ctx context.Context, table string, v tableVariant) (*tableCost, error) {
	names := v.names
	if names == nil {
		names = schema.Columns()
	}
	var list []string
	for _, name := range names {
		if expression := v.columns(name); expression != "" {
			list = append(list, expression)
		}
	}
	query := "SELECT " + strings.Join(list, ", ") + " FROM rides"
	kind := "TABLE "
	if v.unlogged {
		kind = "UNLOGGED TABLE "
	}
	if _, err := e.conn.Exec(ctx, "CREATE "+kind+table+" AS "+query+" WITH NO DATA"); err != nil {
		return nil, err
	}
	if v.index != "" {
		if _, err := e.conn.Exec(ctx, "CREATE UNIQUE INDEX ON "+table+" ("+v.index+")"); err != nil {
			return nil, err
		}
	}
	var rows bytes.Buffer
	tag, err := e.conn.PgConn().CopyTo(ctx, &rows, "COPY ("+query+") TO STDOUT (FORMAT binary)")
	if err != nil {
		return nil, err
	}
	return &tableCost{Name: v.name, Rides: tag.RowsAffected(), table: table, rows: rows.Bytes()}, nil
}

// fill empties a variant's table and copies its rows, once.
func (e *environment) fill(ctx context.Context, c *tableCost) error {
	if _, err := e.conn.Exec(ctx, "TRUNCATE "+c.table); err != nil {
		return err
	}
	if _, err := e.conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	postmaster, err := e.postmasterPID()
	if err != nil {
		return err
	}
	const logEnd = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
	var before, after float64
	if err := e.conn.QueryRow(ctx, logEnd).Scan(&before); err != nil {
		return err
	}
	cpu, began := treeCPU(postmaster), time.Now()
	tag, err := e.conn.PgConn().CopyFrom(ctx, bytes.NewReader(c.rows), "COPY "+c.table+" FROM STDIN (FORMAT binary)")
	if err != nil {
		return err
	}
	c.Seconds = append(c.Seconds, time.Since(began).Seconds())
	c.CPU = append(c.CPU, treeCPU(postmaster)-cpu)
	if tag.RowsAffected() != c.Rides {
		return fmt.Errorf("COPY stored %d rows, want %d", tag.RowsAffected(), c.Rides)
	}
	if err := e.conn.QueryRow(ctx, logEnd).Scan(&after); err != nil {
		return err
	}
	c.LogBytes = append(c.LogBytes, after-before)
	return e.conn.QueryRow(ctx, "SELECT pg_relation_size($1::text::regclass), pg_indexes_size($1::text::regclass)", c.table).
		Scan(&c.TableBytes, &c.IndexBytes)
}

// columnTable has a row for each variant: medians.
func (r *report) columnTable() table {
	t := table{
		title: "What the columns cost", head: []string{"table", "us a ride", "PostgreSQL's CPU, us a ride", "bytes a row", "bytes of index", "bytes of WAL"},
		note: "COPY from memory into other tables for the same rides, in turns: one connection, one transaction.",
	}
	for _, c := range r.Columns {
		rides := float64(c.Rides)
		bytes := func(sum float64) string { return fmt.Sprintf("%.0f", sum/rides) }
		t.rows = append(t.rows, []string{
			c.Name, fmt.Sprintf("%.2f", spreadOf(c.Seconds).Median*1e6/rides), fmt.Sprintf("%.2f", spreadOf(c.CPU).Median*1e6/rides),
			bytes(float64(c.TableBytes)), bytes(float64(c.IndexBytes)), bytes(spreadOf(c.LogBytes).Median),
		})
	}
	return t
}
