package schema

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// sample_test.go: rides for the other tests, seeded ones and real ones.

// sampleRides returns n rides of one seed. full fills every field of the yellow and green files.
func sampleRides(seed uint64, n int) []Ride {
	random := rand.New(rand.NewPCG(seed, 1))
	money := func(most int) Decimal {
		cents := random.IntN(most * 100)
		switch random.IntN(4) {
		case 0:
			return Decimal(fmt.Sprint(cents / 100))
		case 1:
			return Decimal(fmt.Sprintf("%d.%d", cents/100, cents%10))
		default:
			return Decimal(fmt.Sprintf("%d.%02d", cents/100, cents%100))
		}
	}
	rides := make([]Ride, n)
	at := time.Date(2020, 7, 1, 0, 0, 0, 0, time.UTC)
	for i := range rides {
		at = at.Add(time.Duration(random.IntN(60)) * time.Second)
		rides[i] = Ride{
			PickupDatetime:       Some(at),
			DropoffDatetime:      Some(at.Add(time.Duration(random.IntN(4000)) * time.Second)),
			VendorID:             Some(int32(1 + random.IntN(2))),
			PassengerCount:       Some(int32(random.IntN(7))),
			RateCodeID:           Some(int32(1 + random.IntN(6))),
			PickupLocationID:     Some(int32(1 + random.IntN(265))),
			DropoffLocationID:    Some(int32(1 + random.IntN(265))),
			PaymentType:          Some(int32(1 + random.IntN(4))),
			TaxiType:             "yellow",
			StoreAndFwdFlag:      "N",
			TripDistance:         money(20),
			FareAmount:           money(60),
			Extra:                "0.5",
			MTATax:               "0.5",
			TipAmount:            money(9),
			TollsAmount:          "0",
			ImprovementSurcharge: "0.3",
			TotalAmount:          money(100),
			CongestionSurcharge:  "2.5",
		}
		if random.IntN(50) == 0 {
			rides[i].FareAmount = "-" + rides[i].FareAmount
			rides[i].PassengerCount = Null[int32]{}
		}
	}
	return rides
}

// green makes a green ride of a yellow one.
func green(r Ride) Ride {
	r.TaxiType = "green"
	r.TripType = Some(int32(1))
	return r
}

// encoded returns rides as values of records.
func encoded(tb testing.TB, dialect Dialect, rides []Ride) [][]byte {
	tb.Helper()
	values := make([][]byte, len(rides))
	for i, r := range rides {
		if dialect == GreenCSV || dialect == GreenFrame {
			r = green(r)
		}
		var err error
		if values[i], err = r.AppendJSON(nil, dialect); err != nil {
			tb.Fatal(err)
		}
	}
	return values
}

// realRides returns the header and the lines of the sample file of real rides; without it the test is skipped.
func realRides(tb testing.TB) (header []string, lines [][]string) {
	tb.Helper()
	path := os.Getenv("RIDESINK_RIDES_CSV")
	if path == "" {
		path = "../../shared/data/rides.csv"
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skipf("no sample of real rides at %s: set RIDESINK_RIDES_CSV to a TLC trip record file", path)
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	all, err := csv.NewReader(file).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	return all[0], all[1:]
}

// tlcJSON writes a line of the sample as a plain producer does: the file's names and order, numbers as they are in the file.
func tlcJSON(header, line []string) []byte {
	var b strings.Builder
	for i, name := range header {
		value := line[i]
		if value == "" {
			value = "null"
		} else if !json.Valid([]byte(value)) {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, ",%q:%s", name, value)
	}
	return []byte("{" + b.String()[1:] + "}")
}
