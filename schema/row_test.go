package schema

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// row_test.go: what a row says to a reader that shares no code with its writer.

// tuple reads one tuple as PostgreSQL would print its columns; a NULL is not there.
func tuple(t *testing.T, row []byte) map[string]string {
	t.Helper()
	take := func(n int) []byte {
		if n > len(row) {
			t.Fatalf("the row ends %d bytes too early", n-len(row))
		}
		head := row[:n]
		row = row[n:]
		return head
	}
	names := Columns()
	if count := int(binary.BigEndian.Uint16(take(2))); count != len(names) {
		t.Fatalf("the row has %d columns, want %d", count, len(names))
	}
	values := map[string]string{}
	for _, name := range names {
		length := int32(binary.BigEndian.Uint32(take(4)))
		if length < 0 {
			continue
		}
		b := take(int(length))
		switch {
		case name == "kafka_timestamp", strings.HasSuffix(name, "_datetime"):
			micros := int64(binary.BigEndian.Uint64(b))
			values[name] = time.Unix(946_684_800+micros/1_000_000, micros%1_000_000*1000).UTC().Format(canonicalTime)
		case name == "kafka_offset":
			values[name] = fmt.Sprint(int64(binary.BigEndian.Uint64(b)))
		case name == "kafka_partition", strings.HasSuffix(name, "_id"), strings.HasSuffix(name, "_count"), name == "payment_type", name == "trip_type":
			if len(b) != 4 {
				t.Fatalf("%s has %d bytes", name, len(b))
			}
			values[name] = fmt.Sprint(int32(binary.BigEndian.Uint32(b)))
		case name == "kafka_topic", name == "taxi_type", name == "store_and_fwd_flag":
			values[name] = string(b)
		case name == "extra_fields":
			if b[0] != 1 {
				t.Fatalf("jsonb of version %d", b[0])
			}
			values[name] = string(b[1:])
		default:
			values[name] = numericText(t, b)
		}
	}
	if len(row) > 0 {
		t.Fatalf("%d bytes follow the row", len(row))
	}
	return values
}

// numericText prints a binary numeric.
func numericText(t *testing.T, b []byte) string {
	t.Helper()
	field := func(i int) int { return int(int16(binary.BigEndian.Uint16(b[2*i:]))) }
	count, weight, sign, scale := field(0), field(1), field(2), field(3)
	if len(b) != 8+2*count {
		t.Fatalf("numeric %x has %d digits in %d bytes", b, count, len(b))
	}
	if count > 0 && (field(4) == 0 || field(3+count) == 0) || count == 0 && (weight != 0 || sign != 0) {
		t.Fatalf("numeric %x is not as PostgreSQL keeps it", b)
	}
	var whole, fraction strings.Builder
	for w := max(weight, 0); w >= -(scale+3)/4; w-- {
		digit := 0
		if i := weight - w; i >= 0 && i < count {
			digit = field(4 + i)
		}
		if w >= 0 {
			fmt.Fprintf(&whole, "%04d", digit)
		} else {
			fmt.Fprintf(&fraction, "%04d", digit)
		}
	}
	text := strings.TrimLeft(whole.String(), "0")
	if text == "" {
		text = "0"
	}
	if scale > 0 {
		text += "." + fraction.String()[:scale]
	}
	if sign == 0x4000 {
		text = "-" + text
	}
	return text
}

// TestRowsHoldTheRide reads rows of all dialects back and compares them with the ride that was written.
func TestRowsHoldTheRide(t *testing.T) {
	t.Parallel()
	d := NewDecoder()
	for _, dialect := range Dialects() {
		rides := sampleRides(11, 200)
		for i, value := range encoded(t, dialect, rides) {
			row, err := d.AppendRow(nil, anywhere, value)
			if err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			want := rideValues(rides[i])
			if dialect == GreenCSV || dialect == GreenFrame {
				want = rideValues(green(rides[i]))
			}
			if dialect == Minimal {
				for column := range want {
					switch column {
					case "pickup_datetime", "taxi_type", "pickup_location_id", "dropoff_location_id", "trip_distance", "total_amount":
					default:
						delete(want, column)
					}
				}
			}
			want["kafka_offset"], want["kafka_partition"], want["kafka_topic"] = "1099511627776", "3", "rides"
			want["kafka_timestamp"] = "2020-07-01 00:25:32.000000"
			requireSameColumns(t, value, tuple(t, row), want)
		}
	}
}

func requireSameColumns(t *testing.T, value []byte, got, want map[string]string) {
	t.Helper()
	for _, column := range Columns() {
		if got[column] != want[column] {
			t.Errorf("%s: %s is %q, want %q", value, column, got[column], want[column])
		}
	}
}

// TestDecimalsAreExact stores all notations of decimals and reads them back.
func TestDecimalsAreExact(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1234567890", 49)
	for text, want := range map[string]string{
		"0": "0", "-0.00": "0.00", "1": "1", "10": "10", "11": "11", "9999": "9999", "10000": "10000", "10001.1": "10001.1", "99999999": "99999999", "100000000.5": "100000000.5",
		"0.5": "0.5", "0.05": "0.05", "0.0001": "0.0001", "0.00001": "0.00001", "0.00010": "0.00010", "1.2345": "1.2345", "1.23456": "1.23456", "12.30": "12.30", "-12.30": "-12.30",
		"1e3": "1000", "1.5e1": "15", "1.50e1": "15.0", "15e-1": "1.5", "1E-5": "0.00001", "0e5": "0", "0e-2": "0.00",
		"123456789012345678": "123456789012345678", "1234567890123456789": "1234567890123456789", "12345678901234567890.12345": "12345678901234567890.12345",
		long + "." + long: long + "." + long, "1e999": "1" + strings.Repeat("0", 999), "1e-1000": "0." + strings.Repeat("0", 999) + "1",
	} {
		row, err := NewDecoder().AppendRow(nil, anywhere, fmt.Appendf(nil, `{"fare_amount":%s,"VendorID":1}`, text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := tuple(t, row)["fare_amount"]; got != want {
			t.Errorf("%s is stored as %s, want %s", text, got, want)
		}
	}
}

func TestCoordinatesOfARow(t *testing.T) {
	t.Parallel()
	for scenario, c := range map[string]struct {
		timestamp int64
		want      string
	}{
		"a timestamp in milliseconds is kept":                   {1_593_563_132_123, "2020-07-01 00:25:32.123000"},
		"the epoch itself is a timestamp":                       {0, "1970-01-01 00:00:00.000000"},
		"-1 is no timestamp":                                    {-1, ""},
		"-2 is one":                                             {-2, "1969-12-31 23:59:59.998000"},
		"the first millisecond of timestamptz is kept":          {-210_866_803_200_000, "-4713-11-24 00:00:00.000000"},
		"the millisecond before is NULL":                        {-210_866_803_200_001, ""},
		"the last millisecond of timestamptz is kept":           {9_224_318_015_999_999, "294276-12-31 23:59:59.999000"},
		"the millisecond after is NULL":                         {9_224_318_016_000_000, ""},
		"what would overflow is NULL":                           {math.MaxInt64, ""},
		"what would overflow on the other side is NULL as well": {math.MinInt64, ""},
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			at := Coordinates{Topic: "täxi", Partition: math.MaxInt32, Offset: math.MaxInt64, Timestamp: c.timestamp}
			row, err := NewDecoder().AppendRow(nil, at, []byte(`{"VendorID":1}`))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"kafka_topic": "täxi", "kafka_partition": "2147483647", "kafka_offset": "9223372036854775807", "vendor_id": "1"}
			if c.want != "" {
				want["kafka_timestamp"] = c.want
			}
			requireSameColumns(t, nil, tuple(t, row), want)
		})
	}
}

func TestAppendRowKeepsWhatWasThere(t *testing.T) {
	t.Parallel()
	d, rows := NewDecoder(), []byte("before")
	rows, err := d.AppendRow(rows, anywhere, []byte(`{"VendorID":"x"}`))
	if err == nil || string(rows) != "before" {
		t.Fatalf("after an error the rows are %q, error %v", rows, err)
	}
	rows, err = d.AppendRow(rows, anywhere, []byte(`{"VendorID":1}`))
	if err != nil || !bytes.HasPrefix(rows, []byte("before\x00\x1c")) {
		t.Fatalf("the row follows what was there: %q, error %v", rows, err)
	}
}

func TestCopyFraming(t *testing.T) {
	t.Parallel()
	stream := AppendCopyTrailer(AppendCopyHeader(nil))
	if want := "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\xff\xff"; string(stream) != want {
		t.Fatalf("an empty COPY is %q, want %q", stream, want)
	}
}

// TestGoodRecordsAllocateNothing holds for every dialect, once its layout is known.
func TestGoodRecordsAllocateNothing(t *testing.T) {
	d, rows := NewDecoder(), make([]byte, 0, 1<<16)
	for _, dialect := range Dialects() {
		values := encoded(t, dialect, sampleRides(5, 50))
		if allocations := testing.AllocsPerRun(20, func() {
			for _, value := range values {
				var err error
				if rows, err = d.AppendRow(rows[:0], anywhere, value); err != nil {
					t.Fatal(err)
				}
			}
		}); allocations > 0 {
			t.Errorf("%s: %g allocations in %d rides", dialect, allocations, len(values))
		}
	}
}
