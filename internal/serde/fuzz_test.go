package serde

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"ridesink/schema"
)

// fuzz_test.go: no value of any format makes the process panic, hang or take more memory than its bound, and what is taken is JSON.

// fuzz runs values of a schema.
func fuzz(f *testing.F, of transcoder, seeds ...[]byte) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	rides := schema.NewDecoder()
	f.Fuzz(func(t *testing.T, value []byte) {
		text, bad := of.appendJSON(nil, value)
		if most := mostText(len(value)) + 64<<10; len(text) > most+len(value) { // an item at a time, and no item is longer
			t.Fatalf("%d bytes became %d, at most %d are meant", len(value), len(text), most)
		}
		if bad != nil {
			return
		}
		if without := bytes.ReplaceAll(text, []byte("NaN"), []byte("0")); !json.Valid(without) {
			t.Fatalf("not JSON: %q", text)
		}
		_, _ = rides.Ride(text) // whatever it is, it is no panic
	})
}

func FuzzAvro(f *testing.F) {
	const everything = `{"type":"record","name":"R","fields":[{"name":"PULocationID","type":["null","int","string"]},{"name":"tpep_pickup_datetime","type":{"type":"long","logicalType":"timestamp-micros"}},
		{"name":"fare_amount","type":{"type":"bytes","logicalType":"decimal","precision":40,"scale":3}},{"name":"trip_distance","type":"double"},{"name":"tip_amount","type":"float"},
		{"name":"d","type":{"type":"int","logicalType":"date"}},{"name":"t","type":{"type":"long","logicalType":"time-micros"}},{"name":"m","type":{"type":"map","values":{"type":"array","items":["null","R"]}}},
		{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},{"name":"f","type":{"type":"fixed","name":"F","size":3}},{"name":"u","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},{"name":"b","type":"boolean"}]}`
	s, err := parseAvro(everything, nil)
	if err != nil {
		f.Fatal(err)
	}
	seed := written(f, everything, map[string]any{
		"PULocationID": 75, "tpep_pickup_datetime": time.Unix(1593563132, 0), "fare_amount": "9.300", "trip_distance": 1.5, "tip_amount": float32(1), "d": time.Unix(1593563132, 0), "t": time.Hour,
		"m": map[string]any{"a": []any{nil, nil}}, "e": "B", "f": []byte("abc"), "u": make([]byte, 16), "b": true,
	})
	fuzz(f, s, seed, nil, []byte{0})
}

func FuzzProtobuf(f *testing.F) {
	s, err := parseProtobuf(context.Background(), rideProto, nil)
	if err != nil {
		f.Fatal(err)
	}
	ride := s.file.Messages().ByName("Outer").Messages().ByName("Ride")
	seed := protoValue(f, ride, `{"VendorID":0,"tpep_pickup_datetime":"2020-07-01T00:25:32.123456789Z","PULocationID":"75","fare_amount":9.3,"list":[1,2],"table":{"b":true},"other":{"x":7},"raw":"AP8="}`)
	fuzz(f, s, append([]byte{4, 2, 0}, seed...), []byte{0}, []byte{4, 2, 0, 74, 0}, []byte{4, 2, 0, 74, 5, 10, 1, '0', 8, '0'}) // a map's entry without a key, and with one twice
}

func FuzzCSV(f *testing.F) {
	fuzz(f, newCSVColumns([]string{"VendorID", "tpep_pickup_datetime", "PULocationID"}), []byte(`2,2020-07-01 00:25:32,"7""5"`), []byte("1,2,3\r\n4,5,6"))
}
