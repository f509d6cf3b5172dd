package synthetic

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"ridesink/schema"
)

// take returns the first n rides of a seed.
func take(seed uint64, taxi Taxi, n int) []schema.Ride {
	g := New(seed, taxi)
	rides := make([]schema.Ride, n)
	for i := range rides {
		rides[i] = g.Next()
	}
	return rides
}

func TestSeedDecides(t *testing.T) {
	t.Parallel()
	if !slices.Equal(take(7, Yellow, 1000), take(7, Yellow, 1000)) {
		t.Error("the same seed made different rides")
	}
	if slices.Equal(take(7, Yellow, 10), take(8, Yellow, 10)) || slices.Equal(take(7, Yellow, 10), take(7, Green, 10)) {
		t.Error("another seed or taxi made the same rides")
	}
}

// The third ride of seed 1.
const (
	goldenYellow = `{"tpep_pickup_datetime":"2020-02-03 13:33:22","tpep_dropoff_datetime":"2020-02-03 13:49:43","VendorID":1,"passenger_count":0,"RatecodeID":1,"PULocationID":236,"DOLocationID":142,"payment_type":1,"store_and_fwd_flag":"N","trip_distance":2.94,"fare_amount":11.50,"extra":0.00,"mta_tax":0.50,"tip_amount":2.96,"tolls_amount":0.00,"improvement_surcharge":0.30,"total_amount":17.76,"congestion_surcharge":2.50}`
	goldenGreen  = `{"lpep_pickup_datetime":"2020-02-07 20:22:45","lpep_dropoff_datetime":"2020-02-07 20:57:49","VendorID":1,"passenger_count":2,"RatecodeID":1,"PULocationID":181,"DOLocationID":224,"payment_type":2,"trip_type":1,"store_and_fwd_flag":"N","trip_distance":12.99,"fare_amount":36.00,"extra":0.50,"mta_tax":0.50,"tip_amount":0.00,"tolls_amount":0.00,"ehail_fee":null,"improvement_surcharge":0.30,"total_amount":40.05,"congestion_surcharge":2.75}`
)

// TestSeedMeansTheSameForEver: measurements and tests name a seed, so what it makes must not change.
func TestSeedMeansTheSameForEver(t *testing.T) {
	t.Parallel()
	for taxi, want := range map[Taxi]string{
		Yellow: goldenYellow,
		Green:  goldenGreen,
	} {
		got, err := take(1, taxi, 3)[2].AppendJSON(nil, schema.TLC)
		if err != nil || string(got) != want {
			t.Errorf("the third ride of seed 1, error %v:\n got %s\nwant %s", err, got, want)
		}
	}
}

// TestRidesSurviveEveryDialect: what is made must be what the sink stores.
func TestRidesSurviveEveryDialect(t *testing.T) {
	t.Parallel()
	decoder := schema.NewDecoder()
	for _, taxi := range []Taxi{Yellow, Green} {
		for _, dialect := range schema.Dialects() {
			for i, r := range take(2, taxi, 2000) {
				value, err := r.AppendJSON(nil, dialect)
				if err != nil {
					t.Fatalf("%s, ride %d: %v", dialect, i, err)
				}
				got, err := decoder.Ride(value)
				if err != nil {
					t.Fatalf("%s, ride %d: %v: %s", dialect, i, err, value)
				}
				if dialect == schema.Minimal {
					got.DropoffDatetime, got.TaxiType = r.DropoffDatetime, r.TaxiType
					if got.TotalAmount != r.TotalAmount || got.PickupDatetime != r.PickupDatetime || got.PickupLocationID != r.PickupLocationID {
						t.Fatalf("%s, ride %d\n got %+v\nwant %+v", dialect, i, got, r)
					}
				} else if got != r {
					t.Fatalf("%s, ride %d\n got %+v\nwant %+v", dialect, i, got, r)
				}
			}
		}
	}
}

// amount is a decimal for sums.
func amount(t *testing.T, d schema.Decimal) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(string(d), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestShapeOfTheCity checks what a reader of the tables would see: hours, zones, fares, tips, nulls, refunds.
func TestShapeOfTheCity(t *testing.T) {
	t.Parallel()
	const n = 50_000
	rides := take(3, Yellow, n)
	var hours [24]int
	var zoneCount [zones + 1]int
	var refunds, missing, cards, tips int
	var short, long struct{ rides, fares float64 }
	bytes := 0
	var value []byte
	for _, r := range rides {
		pickup, ride := r.PickupDatetime.Value, r.DropoffDatetime.Value.Sub(r.PickupDatetime.Value)
		if pickup.Before(First()) || !pickup.Before(First().AddDate(0, 0, Days)) || ride < time.Minute || ride > 5*time.Hour {
			t.Fatalf("a ride at %s that took %s", pickup, ride)
		}
		if day := pickup.Weekday(); day != time.Saturday && day != time.Sunday {
			hours[pickup.Hour()]++
		}
		zoneCount[r.PickupLocationID.Value]++
		if r.TotalAmount[0] == '-' {
			refunds++
		}
		if !r.PassengerCount.Valid {
			missing++
		}
		if tip := amount(t, r.TipAmount); r.PaymentType.Value == byCard {
			cards++
			if tip > 0 {
				tips++
			}
		} else if tip != 0 {
			t.Fatalf("a tip of %g was recorded without a card", tip)
		}
		sum := 0.0
		for _, part := range []schema.Decimal{r.FareAmount, r.Extra, r.MTATax, r.TipAmount, r.TollsAmount, r.ImprovementSurcharge, r.CongestionSurcharge} {
			sum += amount(t, part)
		}
		if total := amount(t, r.TotalAmount); total-sum > 0.001 || sum-total > 0.001 {
			t.Fatalf("the parts of %+v make %g", r, sum)
		}
		switch miles := amount(t, r.TripDistance); {
		case r.TotalAmount[0] == '-':
		case miles < 2:
			short.rides, short.fares = short.rides+1, short.fares+amount(t, r.FareAmount)
		case miles > 8:
			long.rides, long.fares = long.rides+1, long.fares+amount(t, r.FareAmount)
		}
		var err error
		if value, err = r.AppendJSON(value[:0], schema.TLC); err != nil {
			t.Fatal(err)
		}
		bytes += len(value)
	}
	if hours[18] < 5*hours[4] || hours[8] < 2*hours[6] {
		t.Errorf("no rush hours: %v", hours)
	}
	if zoneCount[237] < 10*zoneCount[2] || slices.Min(zoneCount[1:]) == 0 {
		t.Errorf("zones are not as busy as they are: %v", zoneCount)
	}
	if short.rides < n/10 || long.rides < n/50 || long.fares/long.rides < 2.5*short.fares/short.rides {
		t.Errorf("fares do not follow the distance: %+v short, %+v long", short, long)
	}
	if refunds < n/1000 || refunds > n/50 || missing < n/200 || missing > n/50 {
		t.Errorf("%d refunds and %d rides with missing values among %d", refunds, missing, n)
	}
	if cards < n/2 || tips < cards*9/10 {
		t.Errorf("%d paid by card, %d of them with a tip", cards, tips)
	}
	if mean := bytes / n; mean < 400 || mean > 450 {
		t.Errorf("a ride has %d bytes in dialect tlc, want about 430", mean)
	}
}

func BenchmarkNext(b *testing.B) {
	g := New(1, Yellow)
	b.ReportAllocs()
	for b.Loop() {
		_ = g.Next()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rides/s")
}

func BenchmarkNextAsJSON(b *testing.B) {
	g := New(1, Yellow)
	var value []byte
	b.ReportAllocs()
	for b.Loop() {
		r := g.Next()
		var err error
		if value, err = r.AppendJSON(value[:0], schema.TLC); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rides/s")
}
