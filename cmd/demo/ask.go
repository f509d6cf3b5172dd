package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
)

// questions are asked at the end: what one would ask of such a table, and what did not become a ride.
var questions = []struct{ title, sql string }{ //nolint:gochecknoglobals // read only
	{"Rides and revenue by hour of the day", `SELECT to_char(pickup_datetime, 'HH24') AS hour, count(*) AS rides, sum(total_amount) AS revenue, round(avg(trip_distance), 2) AS miles
  FROM rides
 WHERE pickup_datetime IS NOT NULL
 GROUP BY hour
 ORDER BY hour`},
	{"Where people get in", `SELECT pickup_location_id AS zone, count(*) AS rides, round(avg(total_amount), 2) AS average_total
  FROM rides
 WHERE pickup_location_id IS NOT NULL
 GROUP BY zone
 ORDER BY rides DESC, zone
 LIMIT 5`},
	{"What was no ride, and why", `SELECT kafka_partition AS partition, kafka_offset AS "offset", reason, error
  FROM sink_dead_letters
 ORDER BY kafka_partition, kafka_offset`},
}

// ask prints each question and its answer.
func (d *demo) ask(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, d.database)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // the server is about to stop
	for _, q := range questions {
		say(q.title)
		fmt.Println(q.sql + ";")
		if err := answer(ctx, conn, q.sql); err != nil {
			return fmt.Errorf("%s: %w", q.title, err)
		}
	}
	return nil
}

func answer(ctx context.Context, conn *pgx.Conn, sql string) error {
	// The simple protocol returns text, which is what a person reads.
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	defer rows.Close()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w)
	for _, f := range rows.FieldDescriptions() {
		fmt.Fprintf(w, "  %s\t", f.Name)
	}
	fmt.Fprintln(w)
	for rows.Next() {
		for _, raw := range rows.RawValues() {
			fmt.Fprintf(w, "  %s\t", raw)
		}
		fmt.Fprintln(w)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return w.Flush()
}
