package schema

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// against_test.go: the decoder and the oracle of oracle_test.go say the same, of whatever record.

func requireVerdict(t *testing.T, value []byte) {
	t.Helper()
	want, judged := judge(value)
	if !judged {
		return
	}
	got, err := DecodeRide(value)
	if len(want.reasons) > 0 {
		var bad *DecodeError
		if !errors.As(err, &bad) || !slices.Contains(want.reasons, bad.Reason) {
			t.Fatalf("%q: decoded with error %v, the oracle refuses it for one of %v", value, err, want.reasons)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q: %v, the oracle has nothing against it", value, err)
	}
	if values := rideValues(got); !reflect.DeepEqual(values, want.values) {
		t.Fatalf("%q:\ndecoded %v\nthe oracle says %v", value, values, want.values)
	}
	extra := map[string]any{}
	if got.ExtraFields != "" {
		extra = anyValue([]byte(got.ExtraFields)).(map[string]any)
	}
	if !reflect.DeepEqual(extra, want.extra) {
		t.Fatalf("%q: extra fields %v, the oracle says %v", value, extra, want.extra)
	}
}

func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, dialect := range Dialects() {
		for _, value := range encoded(f, dialect, sampleRides(7, 3)) {
			f.Add(value)
		}
	}
	for _, value := range oddRecords() {
		f.Add([]byte(value))
	}
	f.Fuzz(requireVerdict)
}

// TestAgainstEncodingJSON asks the oracle about damaged rides and about records put together from all that the rules speak of.
func TestAgainstEncodingJSON(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(testSeed(t), 3))
	for _, value := range oddRecords() {
		requireVerdict(t, []byte(value))
	}
	for _, dialect := range Dialects() {
		for _, value := range encoded(t, dialect, sampleRides(random.Uint64(), 30)) {
			requireVerdict(t, value)
			for range 10 {
				requireVerdict(t, damaged(random, value, `0123456789.-+eE",:{}[] TZnulatrfs\u`+"\x00\x1f\x80\xff"))
			}
		}
	}
	for range 5_000 {
		requireVerdict(t, composed(random))
	}
}

// composed returns a record of a few members, most of them troublesome.
func composed(random *rand.Rand) []byte {
	names := []string{"VendorID", "vendor_id", "vendorId", "tpep_pickup_datetime", "lpep_pickup_datetime", "pickup_datetime", "tpepDropoffDatetime", "fare_amount", "FareAmount", "extra", "store_and_fwd_flag", "taxi_type", "x", "y", `V\u0065ndorID`}
	values := []string{
		`1`, `1.0`, `1.5`, `"1"`, `"01"`, `-1`, `"+1"`, `".30"`, `"5."`, `"."`, `""`, `null`, `"nan"`, `true`, `{}`, `[]`, `[1]`, `{"a":[1,{"b":null}]}`,
		`1e2`, `1e-2`, `1E+400`, `1e1000`, `1e999`, `0e99999`, `1e-1000`, `1e-1001`, `-0`, `-0.00`, `2147483647`, `2147483648`, `-2147483648`, `1e99999999999999999999`,
		`123456789012345678901234567890.123456789`, `9.50`, `9.5`, `"9.500"`, `0.00012345`, `10000`, `12345.6789`, `99999999.99`, `1234567`, `12345678`,
		`"2020-07-01 00:25:32"`, `["2020-07-01 00:25:32"]`, `"2020-07-01T00:25:32Z"`, `"2020-07-01T00:25:32.123456789-04:00"`, `"2020-07-01 00:25:32-05:00"`, `"2020-01-01 00:25:32-05"`,
		`"2020-11-01 01:30:00-04:00"`, `"2020-11-01 01:30:00-0500"`, `"2020-03-08 02:30:00-05:00"`, `"2020-07-01T00:25"`, `"2020-02-30 00:00:00"`, `"2019-02-29 00:00:00"`, `"2000-02-29 23:59:59"`,
		`"0001-01-01 00:00:00"`, `"0000-01-01 00:00:00"`, `"9999-12-31 23:59:59.9999999"`, `"2020-07-01"`, `"2020-07-01 24:00:00"`, `"2020-07-01 00:25:60"`, `"2020-07-01 00:25:32+01:00"`,
		`1593563132`, `1593563132000`, `1593563132000000`, `-1593563132.0000001`, `99999999999`, `100000000000`, `-99999999999999`, `99999999999999999`, `100000000000000000`, `1.5e9`, `"1593563132"`,
		`[2020,7,1,0,25]`, `[2020,7,1,0,25,32]`, `[2020,7,1,0,25,32,123456789]`, `[2020,7,1,0]`, `[2020,7,32,0,25]`, `[2020,7,1,0,25,32,1000000000]`, `[294276,12,31,23,59,59]`, `[294277,1,1,0,0]`, `[2020.0,7,1,0,25]`, `["a",7,1,0,25]`, `[[2020,7,1,0,25]]`, `[null]`, `[""]`, `[1593563132]`, `[2020,7,1,0,25,32,0,0]`,
		`"N"`, `"\u004e"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\u0000"`, `"yellow"`, `"é\n"`, "\"\x80\"",
	}
	var b strings.Builder
	separator := "{"
	for range 1 + random.IntN(4) {
		space := strings.Repeat(" ", random.IntN(2))
		fmt.Fprintf(&b, "%s%s\"%s\":%s%s", separator, space, names[random.IntN(len(names))], space, values[random.IntN(len(values))])
		separator = ","
	}
	return []byte(b.String() + "}")
}
