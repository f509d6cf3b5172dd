package schema

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// paths_test.go: the fast path and the general one say the same of every record, whatever record came before.

var anywhere = Coordinates{Topic: "rides", Partition: 3, Offset: 1 << 40, Timestamp: 1_593_563_132_000} // read only

// requireAgreement decodes value with a decoder that has seen other records and by the general path alone.
func requireAgreement(t *testing.T, seasoned *Decoder, value []byte) {
	t.Helper()
	plain := NewDecoder()
	want, wantErr := []byte("kept"), error(nil)
	if bad := plain.general(value); bad != nil {
		wantErr = bad
	} else {
		want = plain.appendRow(want, &anywhere)
	}
	for _, visit := range []string{"the first time", "again"} {
		got, err := seasoned.AppendRow([]byte("kept"), anywhere, value)
		if !bytes.Equal(got, want) {
			t.Fatalf("%q, %s: the fast path makes\n%x, the general path\n%x", value, visit, got, want)
		}
		var bad, wantBad *DecodeError
		if errors.As(err, &bad) != errors.As(wantErr, &wantBad) || bad != nil && *bad != *wantBad {
			t.Fatalf("%q, %s: the fast path says %v, the general path %v", value, visit, err, wantErr)
		}
	}
}

func FuzzPathsAgree(f *testing.F) {
	for _, dialect := range Dialects() {
		values := encoded(f, dialect, sampleRides(7, 3))
		f.Add(values[0], values[1])
		f.Add(values[1], values[2])
	}
	for _, value := range oddRecords() {
		f.Add([]byte(value), []byte(value))
	}
	f.Fuzz(func(t *testing.T, before, value []byte) {
		d := NewDecoder()
		_, _ = d.AppendRow(nil, anywhere, before) // good or bad, it may teach d
		requireAgreement(t, d, value)
		requireAgreement(t, d, before)
	})
}

// TestPathsAgreeOnDamagedRides damages good records where it hurts most: a byte here and there is replaced, removed or doubled.
func TestPathsAgreeOnDamagedRides(t *testing.T) {
	t.Parallel()
	seed := testSeed(t)
	random := rand.New(rand.NewPCG(seed, 2))
	const alphabet = `0123456789.-+eE",:{}[] TZnulNatrfs\u` + "\x00\x1f\x80\xff"
	d := NewDecoder()
	for range 2 {
		for _, dialect := range Dialects() {
			values := encoded(t, dialect, sampleRides(random.Uint64(), 20))
			for _, value := range values {
				requireAgreement(t, d, value)
				for range 40 {
					requireAgreement(t, d, damaged(random, value, alphabet))
				}
			}
		}
	}
}

func damaged(random *rand.Rand, value []byte, alphabet string) []byte {
	b := bytes.Clone(value)
	for range 1 + random.IntN(2) {
		i := random.IntN(len(b))
		switch random.IntN(4) {
		case 0:
			b = append(b[:i], b[i+1:]...)
		case 1:
			b = append(b[:i+1], b[i:]...)
		case 2:
			b[i] = alphabet[random.IntN(len(alphabet))]
		default:
			b = append(b[:i], append([]byte{alphabet[random.IntN(len(alphabet))]}, b[i:]...)...)
		}
	}
	return b
}

// testSeed returns TEST_SEED or one of its own, and prints it when the test fails.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TEST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TEST_SEED: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat it with TEST_SEED=%d go test -run '^%s$'", seed, t.Name())
		}
	})
	return seed
}

// oddRecords are records in shapes that producers rarely have, good and bad.
func oddRecords() []string {
	return []string{
		`{"VendorID":1,"tpep_pickup_datetime":"2020-07-01 00:25:32","fare_amount":-9.50,"x":[NaN,"NaN",{"a":1}]}`,
		`{"vendorId":"1.0","lpep_pickup_datetime":["2020-07-01T00:25:32-04:00"],"fare_amount":".30","ehail_fee":NaN}`,
		`{"PULocationID":1,"tpep_pickup_datetime":1593563132000, "vendor_id":1, "VendorID":2}`,
		` { "PULocationID" : 1 , "tpep_pickup_datetime" : [ 2020 , 7 , 1 , 0 , 25 ] , "é" : "\u00e9\ud83d\ude00" } `,
		`{"fare_amount":1e999,"extra":123456789012345678901.00045,"x":1e999}`,
		`{"fare_amount":12345678,"extra":-0.0,"mta_tax":"","tip_amount":"-0","tolls_amount":0.00001,"total_amount":99999999.9999}`,
		`{"store_and_fwd_flag":"\u004e","taxi_type":"fhv","VendorID":1.00,"passenger_count":"007"}`,
		`{"tpep_pickup_datetime":"0000-00-00 00:00:00"}`,
		`{"tpep_pickup_datetime":"2020-02-29T23:59:59.1234567"}`,
		`{"tpep_pickup_datetime":-1593563132.5}`,
		`{"tpep_pickup_datetime":["1593563132"]}`,
		`{"VendorID":1,"VendorID":2}`,
		`{"tpep_pickup_datetime":null,"lpep_pickup_datetime":"2020-07-01 00:25:32"}`,
		`{"Vendor\u0049D":1}`,
		`{"VendorID":1,"x":"\ud800"}`,
		`{"VendorID":1,"x":1e1000}`,
		`{"schema":{"type":"struct"},"payload":{"VendorID":1,"x":1.50}}`, `{"before":null,"after":{"VendorID":1},"source":{},"op":"c"}`,
		`{"VendorID":01}`, `{"VendorID":1.5}`, `{"VendorID":1}}`, `{"VendorID":1,}`, `[1]`, `NaN`, ``, `{}`, `{"a":1}`,
	}
}
