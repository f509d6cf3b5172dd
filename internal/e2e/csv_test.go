package e2e

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// csv_test.go is where expected rides come from: the file of real rides, or a generator in its shape. dialects_test.go writes them as
// records.

// fields of a ride, by their place in the line of the yellow taxis' CSV file.
const (
	vendorID = iota
	pickupTime
	dropoffTime
	passengerCount
	tripDistance
	rateCodeID
	storeAndForward
	pickupLocation
	dropoffLocation
	paymentType
	fareAmount
	extraAmount
	mtaTax
	tipAmount
	tollsAmount
	improvementSurcharge
	totalAmount
	congestionSurcharge
	fieldsInCSV
)

// csvHeader is the file's first line, and the names of dialect A.
func csvHeader() [fieldsInCSV]string {
	return [fieldsInCSV]string{
		"VendorID", "tpep_pickup_datetime", "tpep_dropoff_datetime", "passenger_count", "trip_distance", "RatecodeID", "store_and_fwd_flag",
		"PULocationID", "DOLocationID", "payment_type", "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount",
		"improvement_surcharge", "total_amount", "congestion_surcharge",
	}
}

// ride is one line of the CSV file, as text.
type ride [fieldsInCSV]string

// isMoney says whether a field is a decimal number whose digits must be kept.
func isMoney(field int) bool { return field == tripDistance || field >= fareAmount }

// clock parses one of the two times.
func (r ride) clock(t testing.TB, field int) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", r[field])
	if err != nil {
		t.Fatalf("the CSV file's %s: %v", csvHeader()[field], err)
	}
	return at
}

// realRides reads the file of real rides, or skips the test where there is none.
func realRides(t testing.TB) []ride {
	t.Helper()
	path := os.Getenv("RIDESINK_RIDES_CSV")
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "data", "rides.csv")
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no file of real rides at %s: name one with RIDESINK_RIDES_CSV (a TLC yellow taxi CSV of 2020)", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	header := csvHeader()
	if len(lines) < 2 || !slices.Equal(lines[0], header[:]) {
		t.Fatalf("%s: not a TLC yellow taxi CSV of 2020: its first line must be %s", path, strings.Join(header[:], ","))
	}
	rides := make([]ride, len(lines)-1)
	for i, line := range lines[1:] {
		rides[i] = ride(line)
	}
	return rides
}

// madeRides returns n rides in the shape of the file, no two alike: the distance counts them.
func madeRides(random *rand.Rand, n int) []ride {
	rides := make([]ride, n)
	day := time.Date(2020, 7, 1, 0, 0, 0, 0, time.UTC)
	for i := range rides {
		pickup := day.Add(time.Duration(random.IntN(31*24*3600)) * time.Second)
		cents := 250 + random.IntN(9000)
		sign := ""
		if random.IntN(50) == 0 {
			sign = "-" // a refund
		}
		rides[i] = ride{
			vendorID:             fmt.Sprint(1 + random.IntN(2)),
			pickupTime:           pickup.Format("2006-01-02 15:04:05"),
			dropoffTime:          pickup.Add(time.Duration(60+random.IntN(3600)) * time.Second).Format("2006-01-02 15:04:05"),
			passengerCount:       fmt.Sprint(random.IntN(7)),
			tripDistance:         fmt.Sprintf("%d.%02d", i/100, i%100),
			rateCodeID:           fmt.Sprint(1 + random.IntN(6)),
			storeAndForward:      []string{"N", "Y"}[random.IntN(2)],
			pickupLocation:       fmt.Sprint(1 + random.IntN(265)),
			dropoffLocation:      fmt.Sprint(1 + random.IntN(265)),
			paymentType:          fmt.Sprint(1 + random.IntN(4)),
			fareAmount:           fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100),
			extraAmount:          []string{"0", "0.5", "1", "3"}[random.IntN(4)],
			mtaTax:               "0.5",
			tipAmount:            fmt.Sprintf("%d.%02d", random.IntN(20), random.IntN(100)),
			tollsAmount:          []string{"0", "6.12"}[random.IntN(2)],
			improvementSurcharge: "0.3",
			totalAmount:          fmt.Sprintf("%s%d.%02d", sign, cents/100+4, cents%100),
			congestionSurcharge:  []string{"0", "2.5"}[random.IntN(2)],
		}
	}
	return rides
}
