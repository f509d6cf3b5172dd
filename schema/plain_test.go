package schema

import (
	"encoding/json"
	"testing"
)

// What a ride's columns print is JSON with the exact digits, and nothing that is NULL.
func TestAppendColumns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, value, want string }{
		{
			"a ride of the TLC", `{"VendorID": 1, "tpep_pickup_datetime": "2020-07-01 00:25:32", "fare_amount": "9.50", "store_and_fwd_flag": "N", "tip_amount": null}`,
			`{"pickup_datetime":"2020-07-01T00:25:32","vendor_id":1,"taxi_type":"yellow","store_and_fwd_flag":"N","fare_amount":9.50}`,
		},
		{"a fraction of a second", `{"lpep_pickup_datetime": "2020-07-01 00:25:32.000120"}`, `{"pickup_datetime":"2020-07-01T00:25:32.00012","taxi_type":"green"}`},
		{"fields that nobody declared", `{"vendor_id": 2, "note": {"a": [1, NaN]}}`, `{"vendor_id":2,"extra_fields":{"note": {"a": [1, null]}}}`},
		{"text that JSON escapes", `{"store_and_fwd_flag": "\"\n"}`, `{"store_and_fwd_flag":"\"\n"}`},
		{"all NULL", `{"vendor_id": null}`, `{}`},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			ride, err := DecodeRide([]byte(c.value))
			if err != nil {
				t.Fatal(err)
			}
			got := string(ride.AppendColumns(nil))
			if !json.Valid([]byte(got)) || got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}
