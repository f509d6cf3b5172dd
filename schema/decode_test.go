package schema

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// decode_test.go: the rules for records, one sentence each. oracle_test.go has them again for what nobody thought of.

func TestRecordsThatAreRides(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		value    string
		want     map[string]string
	}{
		{"A: the TLC's names", `{"VendorID":1,"tpep_pickup_datetime":"2020-07-01 00:25:32","Airport_fee":1.75}`, map[string]string{"vendor_id": "1", "pickup_datetime": "2020-07-01 00:25:32.000000", "airport_fee": "1.75", "taxi_type": "yellow"}},
		{"A: in any case", `{"VENDORID":1,"airport_FEE":1.75}`, map[string]string{"vendor_id": "1", "airport_fee": "1.75"}},
		{"B: snake case, lists of one time, numbers as text", `{"vendor_id":"1","pu_location_id":"238","rate_code_id":"2","tpep_pickup_datetime":["2020-07-01 00:25:32"],"fare_amount":"9.50"}`, map[string]string{"vendor_id": "1", "pickup_location_id": "238", "rate_code_id": "2", "pickup_datetime": "2020-07-01 00:25:32.000000", "fare_amount": "9.50", "taxi_type": "yellow"}},
		{"C: five fields, milliseconds since 1970", `{"PULocationID":238,"DOLocationID":75,"trip_distance":1.5,"total_amount":9.3,"tpep_pickup_datetime":1593563132000}`, map[string]string{"pickup_location_id": "238", "dropoff_location_id": "75", "trip_distance": "1.5", "total_amount": "9.3", "pickup_datetime": "2020-07-01 00:25:32.000000", "taxi_type": "yellow"}},
		{"D: a green taxi from a CSV reader", `{"VendorID":"2","lpep_pickup_datetime":"2020-07-01 00:25:32","ehail_fee":"","trip_type":"1"}`, map[string]string{"vendor_id": "2", "pickup_datetime": "2020-07-01 00:25:32.000000", "trip_type": "1", "taxi_type": "green"}},
		{"E: a green taxi from a data frame", `{"passenger_count":1.0,"lpep_dropoff_datetime":null,"ehail_fee":NaN,"trip_type":1.0}`, map[string]string{"passenger_count": "1", "trip_type": "1", "taxi_type": "green"}},
		{"F: Java's lists", `{"vendorId":1,"tpep_pickup_datetime":[2020,7,1,0,25,32,123456789],"tpepDropoffDatetime":[2020,7,1,0,33]}`, map[string]string{"vendor_id": "1", "pickup_datetime": "2020-07-01 00:25:32.123456", "dropoff_datetime": "2020-07-01 00:33:00.000000", "taxi_type": "yellow"}},
		{"F: Java's ISO text", `{"puLocationId":1,"lpep_pickup_datetime":"2020-07-01T00:25:32"}`, map[string]string{"pickup_location_id": "1", "pickup_datetime": "2020-07-01 00:25:32.000000", "taxi_type": "green"}},
		{"canonical names tell no type of taxi", `{"pickup_datetime":"2020-07-01 00:25:32","pickup_location_id":3}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.000000", "pickup_location_id": "3"}},
		{"a record may say the type itself", `{"tpep_pickup_datetime":"2020-07-01 00:25:32","taxi_type":"fhv"}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.000000", "taxi_type": "fhv"}},
		{"of two types of names the one with a value tells", `{"tpep_pickup_datetime":null,"lpep_pickup_datetime":"2020-07-01 00:25:32"}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.000000", "taxi_type": "green"}},
		{"names of both types that agree tell none", `{"tpep_pickup_datetime":"2020-07-01 00:25:32","lpep_pickup_datetime":"2020-07-01 00:25:32"}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.000000"}},
		{"epoch seconds, also with a fraction", `{"pickup_datetime":1593563132.5}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.500000"}},
		{"epoch microseconds as text", `{"pickup_datetime":"1593563132000001"}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.000001"}},
		{"UTC keeps its clock", `{"pickup_datetime":"2020-07-01T00:25:32Z","dropoff_datetime":"2020-07-01T00:25:32+00:00"}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.000000", "dropoff_datetime": "2020-07-01 00:25:32.000000"}},
		{"New York's summer and winter keep theirs", `{"pickup_datetime":"2020-07-01T00:25:32-04:00","dropoff_datetime":"2020-12-01T00:25:32-05:00"}`, map[string]string{"pickup_datetime": "2020-07-01 00:25:32.000000", "dropoff_datetime": "2020-12-01 00:25:32.000000"}},
		{"the hour that comes twice has both offsets", `{"pickup_datetime":"2020-11-01T01:30:00-04:00","dropoff_datetime":"2020-11-01T01:30:00-05:00"}`, map[string]string{"pickup_datetime": "2020-11-01 01:30:00.000000", "dropoff_datetime": "2020-11-01 01:30:00.000000"}},
		{"before 2007 summer began in April", `{"pickup_datetime":"2006-03-20T12:00:00-05:00"}`, map[string]string{"pickup_datetime": "2006-03-20 12:00:00.000000"}},
		{"fares can be negative, zeros stay", `{"fare_amount":"-4.50","tip_amount":".30"}`, map[string]string{"fare_amount": "-4.50", "tip_amount": "0.30"}},
		{"the same name twice: the last wins, also over a bad value", `{"VendorID":"x","VendorID":2}`, map[string]string{"vendor_id": "2"}},
		{"the same name twice: the last wins, also without a value", `{"VendorID":1,"VendorID":null}`, map[string]string{}},
		{"another name without a value replaces none", `{"VendorID":1,"vendor_id":null,"vendorId":NaN,"vendorID":""}`, map[string]string{"vendor_id": "1"}},
		{"two names may say the same, as numbers", `{"fare_amount":9.5,"fareAmount":"9.50"}`, map[string]string{"fare_amount": "9.5"}},
		{"a name may be escaped", `{"Vendor\u0049D":1}`, map[string]string{"vendor_id": "1"}},
		{"undeclared fields come along as they came", `{"VendorID":1,"note":"\u00e9","n":1.50,"deep":{"a":[NaN,"NaN"]}}`, map[string]string{"vendor_id": "1", "extra_fields": `{"note":"\u00e9","n":1.50,"deep":{"a":[null,"NaN"]}}`}},
		{"where a record was read is not for the record to say", `{"VendorID":1,"kafka_offset":5}`, map[string]string{"vendor_id": "1", "extra_fields": `{"kafka_offset":5}`}},
		{"64 levels are not too deep", `{"VendorID":1,"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, map[string]string{"vendor_id": "1", "extra_fields": `{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`}},
		{"a number of 1,000 digits", `{"VendorID":1,"x":1e999}`, map[string]string{"vendor_id": "1", "extra_fields": `{"x":1e999}`}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			want := maps.Clone(c.want)
			want["kafka_offset"], want["kafka_partition"], want["kafka_topic"], want["kafka_timestamp"] = "1099511627776", "3", "rides", "2020-07-01 00:25:32.000000"
			d := NewDecoder()
			for range 2 { // the second time along its own layout
				row, err := d.AppendRow(nil, anywhere, []byte(c.value))
				if err != nil {
					t.Fatal(err)
				}
				requireSameColumns(t, []byte(c.value), tuple(t, row), want)
			}
		})
	}
}

func TestRecordsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		value    string
		reason   Reason
		field    string
		position int
	}{
		{"an empty value", ``, ReasonInvalidJSON, "", 0},
		{"cut off", `{"VendorID":1`, ReasonInvalidJSON, "", 13},
		{"garbage behind it", `{"VendorID":1}x`, ReasonInvalidJSON, "", 14},
		{"two objects", `{"VendorID":1}{"VendorID":1}`, ReasonInvalidJSON, "", 14},
		{"a number with a leading zero", `{"VendorID":01}`, ReasonInvalidJSON, "", 13},
		{"a point without a digit before it, unquoted", `{"fare_amount":.30}`, ReasonInvalidJSON, "", 15},
		{"a control character in text", "{\"x\":\"\n\"}", ReasonInvalidJSON, "", 6},
		{"bad syntax is told even if bad text comes first", "{\"x\":\"\xff\"", ReasonInvalidJSON, "", 8},
		{"a list", `[{"VendorID":1}]`, ReasonNotAnObject, "", 0},
		{"the Schema Registry's format", "\x00\x00\x00\x00\x01x", ReasonInvalidJSON, "", 0},
		{"an object of something else", `{"user":"alice"}`, ReasonNoKnownField, "", 0},
		{"an empty object", `{}`, ReasonNoKnownField, "", 0},
		{"1.5 is no integer", `{"passenger_count":1.5}`, ReasonWrongType, "passenger_count", 19},
		{"a word is no number", `{"fare_amount":"much"}`, ReasonWrongType, "fare_amount", 15},
		{"true is no number", `{"fare_amount":true}`, ReasonWrongType, "fare_amount", 15},
		{"a number is no text", `{"store_and_fwd_flag":1}`, ReasonWrongType, "store_and_fwd_flag", 22},
		{"an object is no time", `{"pickup_datetime":{}}`, ReasonWrongType, "pickup_datetime", 19},
		{"a list of numbers is no number", `{"VendorID":[1]}`, ReasonWrongType, "vendor_id", 12},
		{"two names, two values", `{"VendorID":1,"vendor_id":2}`, ReasonWrongType, "vendor_id", 26},
		{"an integer beyond 32 bits", `{"VendorID":2147483648}`, ReasonOutOfRange, "vendor_id", 12},
		{"a decimal of 1,001 digits", `{"fare_amount":1e1000}`, ReasonOutOfRange, "fare_amount", 15},
		{"an exponent nobody can write", `{"fare_amount":1e99999999999999999999}`, ReasonOutOfRange, "fare_amount", 15},
		{"a wide number in an undeclared field", `{"VendorID":1,"x":[1e1000]}`, ReasonOutOfRange, "extra_fields", 19},
		{"a day that is none", `{"pickup_datetime":"2020-02-30 00:00:00"}`, ReasonBadTime, "pickup_datetime", 19},
		{"another zone", `{"pickup_datetime":"2020-07-01T00:25:32+02:00"}`, ReasonBadTime, "pickup_datetime", 19},
		{"New York's winter offset in summer", `{"pickup_datetime":"2020-07-01T00:25:32-05:00"}`, ReasonBadTime, "pickup_datetime", 19},
		{"an hour that summer time skips", `{"pickup_datetime":"2020-03-08T02:30:00-05:00"}`, ReasonBadTime, "pickup_datetime", 19},
		{"an epoch number of no unit", `{"pickup_datetime":100000000000000000}`, ReasonBadTime, "pickup_datetime", 19},
		{"a list of four", `{"pickup_datetime":[2020,7,1,0]}`, ReasonBadTime, "pickup_datetime", 19},
		{"a date without a time", `{"pickup_datetime":"2020-07-01"}`, ReasonBadTime, "pickup_datetime", 19},
		{"bad UTF-8", "{\"VendorID\":1,\"x\":\"\xff\"}", ReasonBadText, "", 19},
		{"bad UTF-8 in a name", "{\"VendorID\":1,\"\xff\":1}", ReasonBadText, "", 15},
		{"NUL", `{"store_and_fwd_flag":"\u0000"}`, ReasonBadText, "", 23},
		{"NUL in a name, deep down", `{"VendorID":1,"x":[{"\u0000":1}]}`, ReasonBadText, "", 21},
		{"a first half without a second", `{"store_and_fwd_flag":"\ud83dx"}`, ReasonBadText, "", 23},
		{"a second half alone", `{"VendorID":1,"x":"\ude00"}`, ReasonBadText, "", 19},
		{"65 levels", `{"VendorID":1,"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, ReasonTooLarge, "", 81},
		{"more undeclared fields than jsonb takes", `{"VendorID":1,"x":"` + strings.Repeat("x", maxExtra) + `"}`, ReasonTooLarge, "extra_fields", 18},
		{"undeclared numbers that would fill jsonb when written out", `{"VendorID":1,"x":[` + strings.Repeat("1e-999,", 20_000) + `1]}`, ReasonTooLarge, "extra_fields", 18},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			_, err := NewDecoder().AppendRow(nil, anywhere, []byte(c.value))
			var bad *DecodeError
			if !errors.As(err, &bad) {
				t.Fatalf("it was decoded, error %v", err)
			}
			if bad.Reason != c.reason || bad.Field != c.field || bad.Position != c.position {
				t.Fatalf("%v: want %s of field %q at byte %d", bad, c.reason, c.field, c.position)
			}
			if !slices.Contains(Reasons(), bad.Reason) {
				t.Fatalf("%s is not among Reasons", bad.Reason)
			}
		})
	}
}

// TestErrorsHoldNothingOfTheValue plants a word everywhere a record can hold one.
func TestErrorsHoldNothingOfTheValue(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(testSeed(t), 5))
	refused := 0
	for range 2000 {
		value := strings.NewReplacer("2020", "canary", `"x"`, `"canary"`, `"N"`, `"canary"`).Replace(string(composed(random)))
		if _, err := DecodeRide([]byte(value)); err != nil {
			refused++
			if strings.Contains(err.Error(), "canary") {
				t.Fatalf("%s: %v", value, err)
			}
		}
	}
	if refused < 100 {
		t.Fatalf("only %d of 2,000 records were refused", refused)
	}
}

// TestHostileRecordsTakeLinearTime has shapes that would take minutes if anything were quadratic.
func TestHostileRecordsTakeLinearTime(t *testing.T) {
	t.Parallel()
	const n = 100_000
	var spellings, undeclared strings.Builder
	for i := range n {
		fmt.Fprintf(&spellings, `,"%sVendorID":1`, strings.Repeat("_", i%50))
		fmt.Fprintf(&undeclared, `,"x%d":1`, i)
	}
	for scenario, value := range map[string]string{
		"one name again and again":   `{` + strings.Repeat(`"VendorID":1,`, n) + `"VendorID":2}`,
		"one column, many spellings": `{` + spellings.String()[1:] + `}`,
		"many undeclared fields":     `{"VendorID":1` + undeclared.String() + `}`,
		"digits without end":         `{"VendorID":1` + strings.Repeat("0", 10*n) + `}`,
		"an open bracket each byte":  strings.Repeat(`[`, 10*n),
		"quotes and backslashes":     `{"VendorID":1,"x":"` + strings.Repeat(`\\\"`, n) + `"}`,
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			d := NewDecoder()
			for range 3 {
				_, _ = d.AppendRow(nil, anywhere, []byte(value))
			}
			if cap(d.scratch) > keptBytes || cap(d.extra) > keptBytes || cap(d.members) > keptMembers {
				t.Errorf("the decoder keeps %d bytes of scratch, %d of extra fields, %d members", cap(d.scratch), cap(d.extra), cap(d.members))
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Fatalf("three times %d bytes took %s", len(value), took)
			}
		})
	}
}

// TestRealRides compares the sample of real rides with its CSV file, column by column.
func TestRealRides(t *testing.T) {
	t.Parallel()
	header, lines := realRides(t)
	d := NewDecoder()
	for _, line := range lines {
		value := tlcJSON(header, line)
		row, err := d.AppendRow(nil, anywhere, value)
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		got := tuple(t, row)
		for i, name := range header {
			field, known := fieldOf(name)
			if !known {
				t.Fatalf("the file's column %s is nobody's", name)
			}
			want := line[i]
			if field.Kind == KindTime && want != "" {
				want += ".000000"
			}
			if strings.HasPrefix(want, ".") {
				want = "0" + want
			}
			if got[field.Column] != want {
				t.Errorf("%s: %s is %q, want %q", value, field.Column, got[field.Column], want)
			}
		}
	}
}
