package schema

import (
	"slices"
	"strings"
	"testing"
)

// fields_test.go: the table is consistent, and in the order that others rely on.

func TestTableOfColumns(t *testing.T) {
	t.Parallel()
	want := strings.Fields(`kafka_offset kafka_timestamp pickup_datetime dropoff_datetime kafka_partition vendor_id passenger_count rate_code_id
		pickup_location_id dropoff_location_id payment_type trip_type kafka_topic taxi_type store_and_fwd_flag trip_distance fare_amount extra mta_tax
		tip_amount tolls_amount ehail_fee improvement_surcharge total_amount congestion_surcharge airport_fee cbd_congestion_fee extra_fields`)
	if got := Columns(); !slices.Equal(got, want) {
		t.Fatalf("columns are %v, want %v", got, want)
	}
	if len(columns) > maxColumns {
		t.Fatalf("%d columns need a larger maxColumns, a power of two", len(columns))
	}
	owner := map[string]string{}
	for _, f := range Fields() {
		if f.Names[0] != f.Column {
			t.Errorf("%s does not arrive under its own name first: %v", f.Column, f.Names)
		}
		for _, n := range f.Names {
			folded := string(fold(nil, []byte(n)))
			if other := owner[folded]; other != "" && other != f.Column {
				t.Errorf("%s is a name of %s and of %s", n, other, f.Column)
			}
			owner[folded] = f.Column
			if len(n) > longestName {
				t.Errorf("%s is longer than the names that are looked at", n)
			}
		}
	}
	if len(Fields()) != len(columns)-5 {
		t.Errorf("%d of %d columns are fields of a ride, want all but four coordinates and extra_fields", len(Fields()), len(columns))
	}
}
