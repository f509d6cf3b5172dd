package schema

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// encode_test.go: what is written is what is read.

// anyRide returns a ride with values anywhere in their ranges, and many missing.
func anyRide(random *rand.Rand) Ride {
	integer := func() Null[int32] {
		switch random.IntN(4) {
		case 0:
			return Null[int32]{}
		case 1:
			return Some(int32(random.Uint32()))
		default:
			return Some(int32(random.IntN(300)))
		}
	}
	moment := func() Null[time.Time] {
		switch random.IntN(6) {
		case 0:
			return Null[time.Time]{}
		case 1: // about 1970, where epoch numbers are small
			return Some(time.UnixMicro(random.Int64N(2e14) - 1e14).UTC())
		case 2: // years 1 to 5138, what all dialects can write
			return Some(time.UnixMicro(random.Int64N(99_999_999_999_000_000+62_135_596_800_000_000) - 62_135_596_800_000_000).UTC())
		default:
			return Some(time.Unix(1_593_563_132+random.Int64N(1e8), 0).UTC())
		}
	}
	decimal := func() Decimal {
		switch random.IntN(5) {
		case 0:
			return ""
		case 1:
			return Decimal(fmt.Sprintf("-%d.%0*d", random.Uint64(), 1+random.IntN(30), random.IntN(10)+1))
		default:
			return Decimal(fmt.Sprintf("%d.%02d", random.IntN(200), random.IntN(100)))
		}
	}
	text := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	return Ride{
		PickupDatetime: moment(), DropoffDatetime: moment(), VendorID: integer(), PassengerCount: integer(), RateCodeID: integer(),
		PickupLocationID: integer(), DropoffLocationID: integer(), PaymentType: integer(), TripType: integer(),
		TaxiType:        text("", "yellow", "green", "fhv", "Yellow"),
		StoreAndFwdFlag: text("", "N", "Y", "NaN", "\"\\/\b\n\t\x01é\u2028😀", strings.Repeat("long ", 20)),
		TripDistance:    decimal(), FareAmount: decimal(), Extra: decimal(), MTATax: decimal(), TipAmount: decimal(), TollsAmount: decimal(), EhailFee: decimal(),
		ImprovementSurcharge: decimal(), TotalAmount: decimal(), CongestionSurcharge: decimal(), AirportFee: decimal(), CBDCongestionFee: decimal(),
		ExtraFields: text("", "", `{"driver":{"name":"Ä","rides":[1,2.50,null]},"":1e3}`),
	}
}

func TestEveryDialectIsTheInverseOfTheDecoder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(testSeed(t), 4))
	d := NewDecoder()
	for range 500 {
		r := anyRide(random)
		for _, dialect := range Dialects() {
			want := r
			if dialect == Minimal {
				want = Ride{
					PickupDatetime: r.PickupDatetime, PickupLocationID: r.PickupLocationID, DropoffLocationID: r.DropoffLocationID,
					TripDistance: r.TripDistance, TotalAmount: r.TotalAmount,
				}
				if r.TaxiType == "yellow" || r.TaxiType == "green" {
					want.TaxiType = r.TaxiType
				}
			}
			value, err := r.AppendJSON(nil, dialect)
			if err != nil {
				t.Fatalf("%s: %v of %+v", dialect, err, r)
			}
			got, err := d.Ride(value)
			if err != nil {
				t.Fatalf("%s: %v of %s", dialect, err, value)
			}
			if got != want {
				t.Fatalf("%s: %s\nis decoded to %+v\nwant          %+v", dialect, value, got, want)
			}
			requireVerdict(t, value)
		}
	}
}

func TestEncodeTakesNotationsAndClocks(t *testing.T) {
	t.Parallel()
	newYork := time.FixedZone("EDT", -4*3600)
	r := Ride{PickupDatetime: Some(time.Date(2020, 7, 1, 0, 25, 32, 123_456_789, newYork)), FareAmount: "+.30", TipAmount: "1e2", TaxiType: "yellow"}
	got, err := r.AppendJSON([]byte("before "), Java)
	want := `before {"tpep_pickup_datetime":[2020,7,1,0,25,32,123456000],"fare_amount":0.30,"tip_amount":100}`
	if err != nil || string(got) != want {
		t.Fatalf("encoded %s, %v, want %s", got, err, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		ride     Ride
		dialect  Dialect
		want     string
	}{
		{"a decimal that is no number", Ride{FareAmount: "1,50"}, TLC, "fare_amount is not a decimal number"},
		{"a decimal of too many digits", Ride{FareAmount: "1e1000"}, TLC, "fare_amount has more than 1000 digits"},
		{"text with a NUL", Ride{StoreAndFwdFlag: "N\x00"}, Snake, "store_and_fwd_flag has a NUL"},
		{"text that is not UTF-8", Ride{StoreAndFwdFlag: "\xff"}, GreenCSV, "store_and_fwd_flag has bad UTF-8"},
		{"a year that text cannot hold", Ride{PickupDatetime: Some(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC))}, TLC, "pickup_datetime is in the year 10000"},
		{"a year that Java's lists cannot hold", Ride{PickupDatetime: Some(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))}, Java, "pickup_datetime is in the year 0"},
		{"a time too far from 1970", Ride{PickupDatetime: Some(time.Date(6000, 1, 1, 0, 0, 0, 0, time.UTC))}, Minimal, "pickup_datetime is too far from 1970"},
		{"extra fields that are no object", Ride{VendorID: Some(int32(1)), ExtraFields: `[1]`}, TLC, "extra_fields would be refused"},
		{"extra fields that hide a declared one", Ride{ExtraFields: `{"vendorid":1}`}, TLC, "extra_fields has a field of a ride's own, vendor_id"},
		{"extra fields with a number too wide", Ride{ExtraFields: `{"x":1e1000}`}, TLC, "extra_fields would be refused"},
		{"a ride without anything, where missing values are left out", Ride{}, Java, "no field"},
		{"a dialect that is none", Ride{VendorID: Some(int32(1))}, 0, "no dialect"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			got, err := c.ride.AppendJSON([]byte("before"), c.dialect)
			if err == nil || !strings.Contains(err.Error(), c.want) || string(got) != "before" {
				t.Fatalf("encoded %q, error %v, want one with %q", got, err, c.want)
			}
		})
	}
}

func TestDialectsByName(t *testing.T) {
	t.Parallel()
	for _, d := range Dialects() {
		if got, err := ParseDialect(d.String()); got != d || err != nil {
			t.Errorf("ParseDialect(%q) = %v, %v", d, got, err)
		}
	}
	if _, err := ParseDialect("klingon"); err == nil || !strings.Contains(err.Error(), "green-csv") {
		t.Errorf("an unknown dialect must name the known ones: %v", err)
	}
}
