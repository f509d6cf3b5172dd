package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// database_test.go compares what PostgreSQL holds with what was sent (log_test.go), in SQL and as text.

// connect opens a connection until the end of the test.
func connect(t testing.TB, databaseURL string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// value asks for one value.
func value[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// countRides is how many rides the scene's schema holds.
func (s scene) countRides(conn *pgx.Conn) int64 {
	s.t.Helper()
	return value[int64](s.t, conn, "SELECT count(*) FROM rides")
}

// checkStored fails the test unless each record that was sent met its fate: rides are rows with these values, each once; dead letters
// are kept byte for byte with their reason; and there is nothing else. It also checks the ledger's sums (ledger_test.go).
func (s scene) checkStored(records []sent) {
	s.t.Helper()
	conn := s.connect()
	byFate := map[fate][]sent{}
	for _, r := range records {
		byFate[r.fate] = append(byFate[r.fate], r)
	}
	s.checkRides(conn, byFate[isRide])
	s.checkDeadLetters(conn, byFate[isDead])
	s.checkLedger(conn, records)
}

// ridesSQL prints each ride as a line: place, the timestamp in milliseconds, the columns.
const ridesSQL = `COPY (SELECT kafka_topic, kafka_partition, kafka_offset, (extract(epoch FROM kafka_timestamp) * 1000)::bigint, ` + storedColumns + `
	FROM rides ORDER BY kafka_topic, kafka_partition, kafka_offset) TO STDOUT`

func (s scene) checkRides(conn *pgx.Conn, rides []sent) {
	s.t.Helper()
	want := make(map[string]*sent, len(rides))
	for i := range rides {
		want[placeColumns(rides[i].place())] = &rides[i]
	}
	lines, end := io.Pipe()
	go func() { // ends with the COPY, or when lines is closed
		_, err := conn.PgConn().CopyTo(context.WithoutCancel(s.t.Context()), end, ridesSQL)
		end.CloseWithError(err)
	}()
	defer lines.Close()
	seen, faults, doubled := "", 0, int64(0)
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() && faults < 10 {
		line := scanner.Text()
		columns := strings.SplitN(line, "\t", 4)
		at := strings.Join(columns[:3], "\t")
		expected, ok := want[at]
		delete(want, at)
		switch {
		case at == seen:
			faults++
			doubled++
			s.t.Errorf("a ride is stored twice: %s", line)
		case !ok:
			faults++
			s.t.Errorf("a ride that was never sent: %s", line)
		case columns[3] != rideColumns(*expected):
			faults++
			s.t.Errorf("%s: a ride differs\n got %s\nwant %s\nsent %s", expected.place(), columns[3], rideColumns(*expected), expected.record.Value)
		}
		seen = at
	}
	if err := scanner.Err(); err != nil {
		s.t.Fatalf("read rides: %v", err)
	}
	if faults < 10 && len(want) > 0 || doubled > 0 {
		oracleFound(s.t, int64(len(want)), doubled)
	}
	for _, missing := range want {
		s.t.Fatalf("%d of %d rides are missing, one of them %s: %s", len(want), len(rides), missing.place(), missing.record.Value)
	}
	if faults > 0 {
		s.t.FailNow()
	}
}

func placeColumns(p place) string { return fmt.Sprintf("%s\t%d\t%d", p.topic, p.partition, p.offset) }

// rideColumns is what ridesSQL must print for a ride, behind its place.
func rideColumns(s sent) string {
	return fmt.Sprintf("%d\t%s", s.record.Timestamp.UnixMilli(), strings.Join(s.row[:], "\t"))
}

// deadLetter is a row of sink_dead_letters.
type deadLetter struct {
	millis       *int64
	key, value   []byte
	headers      *string
	reason, text string
}

func (s scene) deadLetters(conn *pgx.Conn) map[place]deadLetter {
	s.t.Helper()
	rows, err := conn.Query(s.t.Context(), `SELECT kafka_topic, kafka_partition, kafka_offset, (extract(epoch FROM kafka_timestamp) * 1000)::bigint,
		record_key, record_value, record_headers::text, reason, error FROM sink_dead_letters`)
	if err != nil {
		s.t.Fatalf("read sink_dead_letters: %v", err)
	}
	found := map[place]deadLetter{}
	var at place
	var d deadLetter
	_, err = pgx.ForEachRow(rows, []any{&at.topic, &at.partition, &at.offset, &d.millis, &d.key, &d.value, &d.headers, &d.reason, &d.text}, func() error {
		found[at] = deadLetter{d.millis, bytes.Clone(d.key), bytes.Clone(d.value), d.headers, d.reason, d.text}
		return nil
	})
	if err != nil {
		s.t.Fatalf("read sink_dead_letters: %v", err)
	}
	return found
}

func (s scene) checkDeadLetters(conn *pgx.Conn, want []sent) {
	s.t.Helper()
	found := s.deadLetters(conn)
	for _, w := range want {
		got, ok := found[w.place()]
		delete(found, w.place())
		if !ok {
			s.t.Errorf("%s is no dead letter: %q", w.place(), clip(w.record.Value))
			continue
		}
		if !sameBytes(got.value, w.record.Value) {
			s.t.Errorf("%s: the value is %q, want %q", w.place(), clip(got.value), clip(w.record.Value))
		}
		if !sameBytes(got.key, w.record.Key) {
			s.t.Errorf("%s: the key is %q (null: %t), want %q (null: %t)", w.place(), got.key, got.key == nil, w.record.Key, w.record.Key == nil)
		}
		if got.reason != w.reason {
			s.t.Errorf("%s: the reason is %s (%s), want %s: %q", w.place(), got.reason, got.text, w.reason, clip(w.record.Value))
		}
		if got.text == "" {
			s.t.Errorf("%s: the error says nothing", w.place())
		}
		if got.millis == nil || *got.millis != w.record.Timestamp.UnixMilli() {
			s.t.Errorf("%s: the timestamp is not %d", w.place(), w.record.Timestamp.UnixMilli())
		}
		if headers := headersAsText(w.record.Headers); deref(got.headers) != headers {
			s.t.Errorf("%s: the headers are %s, want %s", w.place(), deref(got.headers), headers)
		}
	}
	for at, d := range found {
		s.t.Errorf("%s is a dead letter and should not be: %s: %s: %q", at, d.reason, d.text, clip(d.value))
	}
}

// headersAsText is how PostgreSQL prints a bytea[] of pairs, "" for no headers.
func headersAsText(headers []kgo.RecordHeader) string {
	if len(headers) == 0 {
		return ""
	}
	element := func(b []byte) string { return fmt.Sprintf(`"\\x%x"`, b) }
	pairs := make([]string, len(headers))
	for i, h := range headers {
		text := "NULL"
		if h.Value != nil {
			text = element(h.Value)
		}
		pairs[i] = "{" + element([]byte(h.Key)) + "," + text + "}"
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

// sameBytes tells null from empty.
func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func clip(b []byte) []byte { return b[:min(len(b), 200)] }
