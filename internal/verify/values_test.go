package verify

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"

	"ridesink/schema"
)

// column returns the description of a column, and where it is.
func column(t *testing.T, name string) (rideColumn, int) {
	t.Helper()
	for i, c := range rideColumns() {
		if c.name == name {
			return c, i
		}
	}
	t.Fatalf("there is no column %s", name)
	return rideColumn{}, 0
}

// rowFrom is the row that the decoder makes of a record.
func rowFrom(t *testing.T, record string) [][]byte {
	t.Helper()
	row, err := schema.NewDecoder().AppendRow(nil, schema.Coordinates{Topic: "rides", Partition: 2, Offset: 7, Timestamp: 1_593_563_132_000}, []byte(record))
	if err != nil {
		t.Fatalf("%s: %v", record, err)
	}
	return split(row)
}

func TestDecimalsKeepEveryDigit(t *testing.T) {
	t.Parallel()
	c, at := column(t, "fare_amount")
	for _, number := range []string{
		"0", "0.00", "1", "-1", "9.50", "-0.05", "0.00001", "10000", "99990000", "12345678901234567890.0987654321000", "0.000000000001", "100000000000000000000", "-2.5",
	} {
		if got := c.text(rowFrom(t, `{"fare_amount": `+number+`}`)[at]); got != number {
			t.Errorf("%s is printed as %s", number, got)
		}
	}
	for sign, want := range map[uint16]string{0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"} {
		value := make([]byte, 8)
		binary.BigEndian.PutUint16(value[4:], sign)
		if got := c.text(value); got != want {
			t.Errorf("sign %x is printed as %s, want %s", sign, got, want)
		}
	}
}

func TestValuesAsText(t *testing.T) {
	t.Parallel()
	row := rowFrom(t, `{"tpep_pickup_datetime": "2020-07-01 00:25:32.5", "VendorID": -3, "store_and_fwd_flag": "a\"b", "note": [1]}`)
	for name, want := range map[string]string{
		"kafka_offset": "7", "kafka_partition": "2", "kafka_topic": `"rides"`, "kafka_timestamp": "2020-07-01 00:25:32",
		"pickup_datetime": "2020-07-01 00:25:32.5", "vendor_id": "-3", "store_and_fwd_flag": `"a\"b"`, "tip_amount": "NULL", "taxi_type": `"yellow"`,
	} {
		c, at := column(t, name)
		if got := c.text(row[at]); got != want {
			t.Errorf("%s is printed as %s, want %s", name, got, want)
		}
	}
	for micros, want := range map[int64]string{1<<63 - 1: "infinity", -1 << 63: "-infinity", 0: "2000-01-01 00:00:00", -1: "1999-12-31 23:59:59.999999"} {
		if got := timeText(micros); got != want {
			t.Errorf("%d is printed as %s, want %s", micros, got, want)
		}
	}
}

func TestLongValuesAreShortened(t *testing.T) {
	t.Parallel()
	c, _ := column(t, "store_and_fwd_flag")
	for _, value := range []string{strings.Repeat("x", 5000), strings.Repeat("é", 5000), "x" + strings.Repeat("🚕", 5000)} {
		if got := c.text([]byte(value)); len(got) > 100 || !utf8.ValidString(got) || !strings.Contains(got, "bytes)") {
			t.Errorf("a long value is printed as %q", got)
		}
	}
	if got := bytesText([]byte(strings.Repeat("\x00", 500))); len(got) > 130 {
		t.Errorf("long bytes are printed as %q", got)
	}
	if bytesText(nil) == bytesText([]byte{}) {
		t.Error("null and empty look the same")
	}
}

// jsonb is compared as PostgreSQL keeps it.
func TestSameJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{`{"a": 1, "b": 2}`, `{"b":2,"a":1}`, true},
		{`{"a": 1, "a": 2}`, `{"a":2}`, true},
		{`{"a": 1e3}`, `{"a": 1000}`, true},
		{`{"a": 12.5e-3}`, `{"a": 0.0125}`, true},
		{`{"a": "\u00e9\ud83d\ude95"}`, `{"a": "é🚕"}`, true},
		{`{"a": [1, {"x": null}]}`, `{"a": [1, {"x": null}]}`, true},
		{`{"a": 1.50}`, `{"a": 1.5}`, false},
		{`{"a": 1}`, `{"a": "1"}`, false},
		{`{"a": 1}`, `{"a": 2}`, false},
		{`{"a": [1, 2]}`, `{"a": [2, 1]}`, false},
		{`{"a": null}`, `{}`, false},
		{`{"a": null}`, `{"b": null}`, false},
		{`{"a": []}`, `{"a": {}}`, false},
		{`{"a": true}`, `{"a": false}`, false},
		{`{"a": 12345678901234567890}`, `{"a": 12345678901234567891}`, false},
	} {
		if got := sameJSON([]byte("\x01"+test.a), []byte("\x01"+test.b)); got != test.want {
			t.Errorf("%s and %s are the same: %t, want %t", test.a, test.b, got, test.want)
		}
	}
	if sameJSON(nil, []byte("\x01{}")) || sameJSON([]byte("\x01{}"), nil) || !sameJSON(nil, nil) {
		t.Error("NULL is only the same as NULL")
	}
}

// Rows are compared by value: what PostgreSQL writes otherwise, and what an older binary kept in extra_fields, is no difference.
func TestCompareRows(t *testing.T) {
	t.Parallel()
	const record = `{"PULocationID": 7, "trip_distance": 2.50, "Airport_fee": 1.25, "note": {"b": 1, "a": [2]}}`
	_, fee := column(t, "airport_fee")
	_, extra := column(t, "extra_fields")
	_, distance := column(t, "trip_distance")
	for _, test := range []struct {
		scenario string
		change   func(row [][]byte)
		want     []rowDifference
	}{
		{"nothing is changed", func([][]byte) {}, nil},
		{"jsonb as PostgreSQL orders it", func(row [][]byte) { row[extra] = []byte("\x01" + `{"note": {"a": [2], "b": 1}}`) }, nil},
		{"an older binary had no column", func(row [][]byte) {
			row[fee], row[extra] = nil, []byte("\x01"+`{"note": {"a": [2], "b": 1}, "Airport_fee": 1.25}`)
		}, nil},
		{"an older binary had no column, and the value was changed since", func(row [][]byte) {
			row[fee], row[extra] = nil, []byte("\x01"+`{"note": {"a": [2], "b": 1}, "Airport_fee": 1.75}`)
		}, []rowDifference{{"airport_fee", "1.75", "1.25"}}},
		{"a digit is gone", func(row [][]byte) { row[distance] = rowFrom(t, `{"trip_distance": 2.5}`)[distance] }, []rowDifference{{"trip_distance", "2.5", "2.50"}}},
		{"a value is gone", func(row [][]byte) { row[fee] = nil }, []rowDifference{{"airport_fee", "NULL", "1.25"}}},
		{"extra fields are gone", func(row [][]byte) { row[extra] = nil }, []rowDifference{{"extra_fields", "NULL", `{"note": {"b": 1, "a": [2]}}`}}},
	} {
		stored := rowFrom(t, record)
		test.change(stored)
		got := newRowComparison().compare(stored, rowFrom(t, record))
		if len(got) != len(test.want) || len(got) > 0 && got[0] != test.want[0] {
			t.Errorf("%s: the differences are %q, want %q", test.scenario, got, test.want)
		}
	}
}

// TestExtraFieldsAreNoEnvelope holds: what looks like Kafka Connect's envelope in extra_fields is what the record had there, and no ride.
func TestExtraFieldsAreNoEnvelope(t *testing.T) {
	t.Parallel()
	stored, record := rowFrom(t, `{"VendorID": 1, "schema": null, "payload": {"tip_amount": 2}}`), rowFrom(t, `{"VendorID": 1, "tip_amount": 2}`)
	if found := newRowComparison().compare(stored, record); len(found) != 2 {
		t.Errorf("differences are %v, want tip_amount and extra_fields", found)
	}
	if found := newRowComparison().compare(stored, stored); len(found) != 0 {
		t.Errorf("a row differs from itself: %v", found)
	}
}
