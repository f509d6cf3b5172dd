package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// produce_test.go: `sink produce` of a file and `sink backfill` together are the identity, in every dialect.

// storedRidesSQL prints the columns of the CSV file, decimals without trailing zeros: floats do not keep them.
const storedRidesSQL = `SELECT concat_ws(',', pickup_location_id, dropoff_location_id, trim_scale(trip_distance), trim_scale(total_amount), pickup_datetime,
	vendor_id, dropoff_datetime, passenger_count, rate_code_id, store_and_fwd_flag, payment_type, trim_scale(fare_amount), trim_scale(extra),
	trim_scale(mta_tax), trim_scale(tip_amount), trim_scale(tolls_amount), trim_scale(improvement_surcharge), trim_scale(congestion_surcharge)) FROM rides`

// fieldsOfStoredRides are the fields of the CSV file in the order of storedRidesSQL. The minimal dialect has the first five.
func fieldsOfStoredRides() []int {
	return []int{
		pickupLocation, dropoffLocation, tripDistance, totalAmount, pickupTime, vendorID, dropoffTime, passengerCount, rateCodeID,
		storeAndForward, paymentType, fareAmount, extraAmount, mtaTax, tipAmount, tollsAmount, improvementSurcharge, congestionSurcharge,
	}
}

// TestProduceFile holds: a CSV file that was produced in any dialect and codec stands in PostgreSQL with the values of the file, each line once.
func TestProduceFile(t *testing.T) {
	t.Parallel()
	rides := realRides(t)
	path := filepath.Join(t.TempDir(), "rides.csv")
	var file bytes.Buffer
	lines := csv.NewWriter(&file)
	header := csvHeader()
	faults := []error{lines.Write(header[:])}
	for _, r := range rides {
		faults = append(faults, lines.Write(r[:]))
	}
	lines.Flush()
	for _, err := range append(faults, os.WriteFile(path, file.Bytes(), 0o600)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, d := range []string{"tlc", "snake", "minimal", "green-csv", "green-frame", "java"} {
		t.Run(d, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 4)
			codec := []string{"none", "gzip", "snappy", "lz4", "zstd"}[i%5]
			s.start("produce", "--topic="+s.topic(), "--dialect="+d, "--compression="+codec, path).wantExit(0, time.Minute)
			if n := len(committed(t, s.brokers, s.topic())); n != len(rides) {
				t.Fatalf("%d records were produced of %d lines", n, len(rides))
			}
			s.backfilled(0)

			fields := fieldsOfStoredRides()
			if d == "minimal" {
				fields = fields[:5]
			}
			var want []string
			for _, r := range rides {
				want = append(want, r.trimmed(t, fields))
			}
			got := value[[]string](t, s.connect(), "SELECT array_agg(line) FROM ("+storedRidesSQL+") AS stored(line)")
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the rides differ from the file\n got %s\nwant %s", strings.Join(got[:3], "\n     "), strings.Join(want[:3], "\n     "))
			}
		})
	}
}

// trimmed is a ride as storedRidesSQL prints it.
func (r ride) trimmed(t testing.TB, fields []int) string {
	t.Helper()
	var texts []string
	for _, field := range fields {
		text := r[field]
		if text == "" {
			continue // as concat_ws leaves NULL out
		}
		if isMoney(field) {
			exact, ok := new(big.Rat).SetString(text)
			if !ok {
				t.Fatalf("the CSV file's number %q", text)
			}
			text = strings.TrimSuffix(strings.TrimRight(exact.FloatString(10), "0"), ".")
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ",")
}

// TestProduceSynthetic holds: the same seed makes the same records, another seed others; the topic is created with the partitions asked
// for; everything is JSON that a backfill stores.
func TestProduceSynthetic(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	topics := []string{s.topic() + "-one", s.topic() + "-same", s.topic() + "-other"}
	t.Cleanup(func() { deleteTopics(t, s.brokers, topics) })
	values := make([]map[string]int, len(topics))
	for i, seed := range []int{7, 7, 8} {
		s.start("produce", "--topic="+topics[i], "--partitions=3", "--dialect=tlc", "--synthetic=1000", fmt.Sprintf("--seed=%d", seed)).wantExit(0, time.Minute)
		if n := len(endOffsets(t, s.brokers, topics[i])); n != 3 {
			t.Errorf("the topic was created with %d partitions, want 3", n)
		}
		values[i] = map[string]int{}
		for _, r := range committed(t, s.brokers, topics[i]) {
			values[i][string(r.Value)]++
			if !json.Valid(r.Value) {
				t.Fatalf("not JSON: %s", r.Value)
			}
		}
	}
	if fmt.Sprint(values[0]) != fmt.Sprint(values[1]) {
		t.Error("the same seed made other records")
	}
	if fmt.Sprint(values[0]) == fmt.Sprint(values[2]) {
		t.Error("another seed made the same records")
	}
	s.topics = topics
	if sum := s.backfilled(0); sum.Totals != (counts{Inserted: 3000}) {
		t.Errorf("of 3,000 synthetic rides the backfill says %+v", sum.Totals)
	}
}
