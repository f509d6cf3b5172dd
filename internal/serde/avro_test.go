package serde

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/twmb/avro"

	"ridesink/schema"
)

// tlcAvro is how a course's producer writes rides.
const tlcAvro = `{"type":"record","name":"Ride","namespace":"nyc.taxi","fields":[
	{"name":"VendorID","type":["null","int"],"default":null},
	{"name":"tpep_pickup_datetime","type":{"type":"long","logicalType":"timestamp-micros"}},
	{"name":"tpep_dropoff_datetime","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"passenger_count","type":["null","double"]},
	{"name":"trip_distance","type":"double"},
	{"name":"RatecodeID","type":"int"},
	{"name":"store_and_fwd_flag","type":["null","string"]},
	{"name":"PULocationID","type":"int"},
	{"name":"DOLocationID","type":"long"},
	{"name":"payment_type","type":"int"},
	{"name":"fare_amount","type":"double"},
	{"name":"extra","type":"double"},
	{"name":"mta_tax","type":"double"},
	{"name":"tip_amount","type":"double"},
	{"name":"tolls_amount","type":"double"},
	{"name":"improvement_surcharge","type":"double"},
	{"name":"total_amount","type":"double"},
	{"name":"congestion_surcharge","type":["null","double"]},
	{"name":"airport_fee","type":["null","double"]}]}`

func tlcValues() map[string]any {
	return map[string]any{
		"VendorID": 2, "tpep_pickup_datetime": time.Date(2020, 7, 1, 0, 25, 32, 123456000, time.UTC), "tpep_dropoff_datetime": time.Date(2020, 7, 1, 0, 33, 39, 0, time.UTC),
		"passenger_count": 1.0, "trip_distance": 1.5, "RatecodeID": 1, "store_and_fwd_flag": "N", "PULocationID": 238, "DOLocationID": int64(75), "payment_type": 2,
		"fare_amount": 9.3, "extra": 0.5, "mta_tax": 0.5, "tip_amount": -0.1, "tolls_amount": 0.0, "improvement_surcharge": 0.3, "total_amount": 1234567.89,
		"congestion_surcharge": nil, "airport_fee": math.NaN(),
	}
}

func tlcRide() schema.Ride {
	return schema.Ride{
		PickupDatetime: schema.Some(time.Date(2020, 7, 1, 0, 25, 32, 123456000, time.UTC)), DropoffDatetime: schema.Some(time.Date(2020, 7, 1, 0, 33, 39, 0, time.UTC)),
		VendorID: schema.Some[int32](2), PassengerCount: schema.Some[int32](1), RateCodeID: schema.Some[int32](1), PickupLocationID: schema.Some[int32](238),
		DropoffLocationID: schema.Some[int32](75), PaymentType: schema.Some[int32](2), TaxiType: "yellow", StoreAndFwdFlag: "N", TripDistance: "1.5", FareAmount: "9.3",
		Extra: "0.5", MTATax: "0.5", TipAmount: "-0.1", TollsAmount: "0", ImprovementSurcharge: "0.3", TotalAmount: "1234567.89",
	}
}

// written is a value as the library writes it, which shares no code with the reader.
func written(t testing.TB, text string, value any) []byte {
	t.Helper()
	s, err := avro.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAvroRide(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.add(7, "", tlcAvro)
	d := f.formats(t).NewDecoder()
	value := framedAs(7, written(t, tlcAvro, tlcValues())...)
	for range 3 { // the second and third are decoded along the layout of the first
		wantRide(t, d, value, tlcRide())
	}
	if n := f.questions("/schemas/ids/7"); n != 1 {
		t.Errorf("the registry was asked %d times, want once", n)
	}
	for cut := range value[:len(value)-1] {
		if cut > 0 {
			want := schema.ReasonBadAvro
			if cut < wireHeader {
				want = schema.ReasonUnknownSchema
			}
			wantBad(t, d, value[:cut], want)
		}
	}
	wantBad(t, d, append(value, 0), schema.ReasonBadAvro)
}

// TestAvroTypes has a value of each type in a field that nobody declared, where it is kept as JSON.
func TestAvroTypes(t *testing.T) {
	t.Parallel()
	at := time.Date(2020, 7, 1, 0, 25, 32, 123456000, time.UTC)
	for _, c := range []struct {
		name, schema string
		value        any
		want         string
	}{
		{"null", `"null"`, nil, `null`},
		{"boolean", `"boolean"`, true, `true`},
		{"int", `"int"`, -5, `-5`},
		{"long", `"long"`, int64(math.MinInt64), `-9223372036854775808`},
		{"float", `"float"`, float32(0.1), `0.1`},
		{"double", `"double"`, 1e300, `1e+300`},
		{"infinity", `"double"`, math.Inf(-1), `"-Infinity"`},
		{"bytes", `"bytes"`, []byte{0, 255}, `"AP8="`},
		{"string", `"string"`, "a \"b\"\\\n\x01ü — \u2028", `"a \"b\"\\\u000a\u0001ü — ` + "\u2028" + `"`},
		{"fixed", `{"type":"fixed","name":"F","size":3}`, []byte{1, 2, 3}, `"AQID"`},
		{"enum", `{"type":"enum","name":"E","symbols":["Y","N"]}`, "N", `"N"`},
		{"array", `{"type":"array","items":"int"}`, []int{1, 2, 3}, `[1,2,3]`},
		{"empty array", `{"type":"array","items":"int"}`, []int{}, `[]`},
		{"map", `{"type":"map","values":"string"}`, map[string]string{"k\"": "v"}, `{"k\"":"v"}`},
		{"union", `["null","string",{"type":"array","items":["null","int"]}]`, []any{1, nil}, `[1,null]`},
		{"record", `{"type":"record","name":"Inner","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, map[string]any{"a": 1, "b": "x"}, `{"a":1,"b":"x"}`},
		{"date", `{"type":"int","logicalType":"date"}`, at, `"2020-07-01"`},
		{"time-millis", `{"type":"int","logicalType":"time-millis"}`, 1532*time.Second + 7*time.Millisecond, `"00:25:32.007"`},
		{"time-micros", `{"type":"long","logicalType":"time-micros"}`, 1532 * time.Second, `"00:25:32"`},
		{"timestamp-millis", `{"type":"long","logicalType":"timestamp-millis"}`, at, `"2020-07-01 00:25:32.123"`},
		{"timestamp-micros", `{"type":"long","logicalType":"timestamp-micros"}`, at, `"2020-07-01 00:25:32.123456"`},
		{"local-timestamp-millis", `{"type":"long","logicalType":"local-timestamp-millis"}`, at, `"2020-07-01 00:25:32.123"`},
		{"local-timestamp-micros", `{"type":"long","logicalType":"local-timestamp-micros"}`, at, `"2020-07-01 00:25:32.123456"`},
		{"timestamp-nanos", `{"type":"long","logicalType":"timestamp-nanos"}`, at, `"2020-07-01 00:25:32.123456"`},
		{"decimal in bytes", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, big.NewRat(-1205, 100), `-12.05`},
		{"small decimal", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":4}`, big.NewRat(7, 10_000), `0.0007`},
		{"decimal in fixed", `{"type":"fixed","name":"D","size":12,"logicalType":"decimal","precision":28,"scale":3}`, big.NewRat(-5, 1000), `-0.005`},
		{"wide decimal", `{"type":"bytes","logicalType":"decimal","precision":60,"scale":0}`, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(-1), 130)), `-1361129467683753853853498429727072845824`},
		{"uuid", `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, `"00010203-0405-0607-0809-0a0b0c0d0e0f"`},
		{"unknown logical type", `{"type":"string","logicalType":"colour"}`, "red", `"red"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := `{"type":"record","name":"R","fields":[{"name":"PULocationID","type":"int"},{"name":"other","type":` + c.schema + `}]}`
			s, err := parseAvro(text, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, bad := s.appendJSON(nil, written(t, text, map[string]any{"PULocationID": 1, "other": c.value}))
			if bad != nil {
				t.Fatal(bad)
			}
			if want := `{"PULocationID":1,"other":` + c.want + `}`; string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if c.name != "double" && !json.Valid(got) {
				t.Errorf("not JSON: %s", got)
			}
		})
	}
}

// TestAvroFindsColumns holds: names in any spelling, types in any that fits, and a date where a time is wanted.
func TestAvroFindsColumns(t *testing.T) {
	t.Parallel()
	const text = `{"type":"record","name":"com.example.Anything","fields":[
		{"name":"vendorId","type":["int","null","string"]},
		{"name":"pu_location_id","type":"string"},
		{"name":"lpep_pickup_datetime","type":["null",{"type":"int","logicalType":"date"}]},
		{"name":"fare_amount","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
		{"name":"store_and_fwd_flag","type":{"type":"enum","name":"Flag","symbols":["Y","N"]}},
		{"name":"driver","type":{"type":"record","name":"Driver","fields":[{"name":"next","type":["null","Driver"]},{"name":"born","type":{"type":"int","logicalType":"date"}}]}}]}`
	f := newFakeRegistry(t)
	f.add(1, "AVRO", text)
	born := time.Date(1990, 2, 3, 0, 0, 0, 0, time.UTC)
	value := written(t, text, map[string]any{
		"vendorId": "2", "pu_location_id": "75", "lpep_pickup_datetime": time.Date(2020, 7, 1, 0, 0, 0, 0, time.UTC), "fare_amount": big.NewRat(95, 10),
		"store_and_fwd_flag": "Y", "driver": map[string]any{"next": map[string]any{"next": nil, "born": born}, "born": born},
	})
	wantRide(t, f.formats(t).NewDecoder(), framedAs(1, value...), schema.Ride{
		VendorID: schema.Some[int32](2), PickupLocationID: schema.Some[int32](75), PickupDatetime: schema.Some(time.Date(2020, 7, 1, 0, 0, 0, 0, time.UTC)),
		FareAmount: "9.50", StoreAndFwdFlag: "Y", TaxiType: "green", ExtraFields: `{"driver":{"next":{"next":null,"born":"1990-02-03"},"born":"1990-02-03"}}`,
	})
}

// TestAvroRefusesWhatCannotBe holds: hostile values are bad records, quickly, whatever they claim.
func TestAvroRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	const nested = `{"type":"record","name":"N","fields":[{"name":"extra","type":["null","N"]}]}`
	deep := []byte{}
	for range 200 {
		deep = append(deep, 2)
	}
	huge := []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1} // math.MaxInt64 as a varint
	lowest := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}
	record := func(of string) string {
		return `{"type":"record","name":"R","fields":[{"name":"other","type":` + of + `}]}`
	}
	for _, c := range []struct {
		name, schema string
		value        []byte
		want         schema.Reason
	}{
		{"a block of 2^62 nulls", record(`{"type":"array","items":"null"}`), huge, schema.ReasonTooLarge},
		{"a block of 2^62 empty records", record(`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`), huge, schema.ReasonTooLarge},
		{"a block of the lowest count", record(`{"type":"array","items":"null"}`), append(lowest, 0), schema.ReasonBadAvro},
		{"a string longer than the value", record(`"string"`), huge, schema.ReasonBadAvro},
		{"bytes of a negative length", record(`"bytes"`), []byte{1}, schema.ReasonBadAvro},
		{"a varint without an end", record(`"long"`), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, schema.ReasonBadAvro},
		{"a branch that is not there", record(`["null","int"]`), []byte{4}, schema.ReasonBadAvro},
		{"a negative branch", record(`["null","int"]`), []byte{1}, schema.ReasonBadAvro},
		{"a symbol that is not there", record(`{"type":"enum","name":"E","symbols":["A"]}`), []byte{2}, schema.ReasonBadAvro},
		{"nested deeper than 64", nested, deep, schema.ReasonTooLarge},
		{"a time of the year 292277026596", record(`{"type":"long","logicalType":"timestamp-millis"}`), huge, schema.ReasonBadTime},
		{"a time of day of 25 hours", record(`{"type":"int","logicalType":"time-millis"}`), []byte{0x80, 0xb2, 0xe8, 0x55}, schema.ReasonBadTime},
		{"not a record", `"string"`, []byte{2, 'a'}, schema.ReasonNotAnObject},
		{"NUL in a string", record(`"string"`), []byte{2, 0}, schema.ReasonBadText},
		{"a decimal of 421 bytes", record(`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`), append([]byte{0xca, 6}, make([]byte, 421)...), schema.ReasonOutOfRange},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeRegistry(t)
			f.add(1, "AVRO", c.schema)
			of, err := parseAvro(c.schema, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := of.appendJSON(nil, c.value); len(text) > 1<<20 {
				t.Errorf("%d bytes became %d", len(c.value), len(text))
			}
			bad := wantBad(t, f.formats(t).NewDecoder(), framedAs(1, c.value...), c.want)
			if bad != nil && bad.Position != schema.NoPosition {
				t.Errorf("%v: a position in JSON that the value is not", bad)
			}
		})
	}
}

func BenchmarkAvro(b *testing.B) {
	f := newFakeRegistry(b)
	f.add(7, "", tlcAvro)
	d := f.formats(b).NewDecoder()
	value := framedAs(7, written(b, tlcAvro, tlcValues())...)
	var row []byte
	var err error
	b.ReportAllocs()
	for b.Loop() {
		if row, err = d.AppendRow(b.Context(), row[:0], schema.Coordinates{Topic: "rides", Timestamp: -1}, value); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAvroKeys holds: a key is shown as what it is, and a bad one is none.
func TestAvroKeys(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.add(1, "AVRO", `"long"`)
	f.add(2, "AVRO", `{"type":"record","name":"Key","fields":[{"name":"zone","type":"int"}]}`)
	f.add(3, "AVRO", `"double"`)
	f.add(4, "AVRO", oneFieldAvro)
	d := f.formats(t).NewDecoder()
	for want, key := range map[string][]byte{
		"75": framedAs(1, 0x96, 1), `{"zone":7}`: framedAs(2, 14),
	} {
		got := d.Shown(t.Context(), key)
		wantRide(t, d, framedAs(4, 20), zoneTen()) // and it stays
		if string(got) != want {
			t.Errorf("the key %x is %s, want %s", key, got, want)
		}
	}
	for _, key := range [][]byte{nil, {}, []byte("75"), framedAs(1), framedAs(9, 1), framedAs(3, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)} {
		if got := d.Shown(t.Context(), key); got != nil {
			t.Errorf("the key %x is %s, want none", key, got)
		}
	}
}

// BenchmarkJSON is the same ride as the TLC's JSON, for comparison.
func BenchmarkJSON(b *testing.B) {
	value, err := tlcRide().AppendJSON(nil, schema.TLC)
	if err != nil {
		b.Fatal(err)
	}
	d := Formats{}.NewDecoder()
	var row []byte
	b.ReportAllocs()
	for b.Loop() {
		if row, err = d.AppendRow(b.Context(), row[:0], schema.Coordinates{Topic: "rides", Timestamp: -1}, value); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAvroNamesOfTypes holds: a named type may be called as a kind of type is, which only the primitive ones forbid.
func TestAvroNamesOfTypes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"map", "array", "union", "fixed", "enum", "record", "error"} {
		f := newFakeRegistry(t)
		f.add(1, "AVRO", `{"type":"record","name":"Ride","namespace":"nyc","fields":[{"name":"PULocationID","type":"int"},
			{"name":"first","type":{"type":"record","name":"`+name+`","fields":[{"name":"x","type":"int"}]}},{"name":"second","type":["null","`+name+`"]}]}`)
		wantRide(t, f.formats(t).NewDecoder(), framedAs(1, 0x96, 1, 2, 2, 4), schema.Ride{
			PickupLocationID: schema.Some[int32](75), ExtraFields: `{"first":{"x":1},"second":{"x":2}}`,
		})
	}
}
