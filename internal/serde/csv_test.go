package serde

import (
	"testing"
	"time"

	"ridesink/schema"
)

func csvFormats() Formats {
	return Formats{CSVColumns: []string{"VendorID", " tpep_pickup_datetime", "PULocationID", "fare_amount", "note"}}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	d := csvFormats().NewDecoder()
	want := schema.Ride{
		VendorID: schema.Some[int32](2), PickupDatetime: schema.Some(time.Date(2020, 7, 1, 0, 25, 32, 0, time.UTC)), PickupLocationID: schema.Some[int32](75),
		FareAmount: "9.30", TaxiType: "yellow", ExtraFields: `{"note":"a \"b\", c"}`,
	}
	for _, value := range []string{
		`2,2020-07-01 00:25:32,75,9.30,"a ""b"", c"`,
		"2, 2020-07-01 00:25:32 ,75.0,\t9.30 , \"a \"\"b\"\", c\"\r\n",
		"\"2\",\"2020-07-01T00:25:32\",\"75\",\"9.30\",\"a \"\"b\"\", c\"\n",
	} {
		wantRide(t, d, []byte(value), want)
	}
	wantRide(t, d, []byte(`,2020-07-01 00:25:32,,,`), schema.Ride{PickupDatetime: want.PickupDatetime, TaxiType: "yellow", ExtraFields: `{"note":""}`})
	wantRide(t, d, []byte("2,2020-07-01 00:25:32,75,9.30,\"two\nlines\""), schema.Ride{
		VendorID: want.VendorID, PickupDatetime: want.PickupDatetime, PickupLocationID: want.PickupLocationID, FareAmount: "9.30", TaxiType: "yellow", ExtraFields: `{"note":"two\u000alines"}`,
	})
	for value, reason := range map[string]schema.Reason{
		"":                                schema.ReasonBadCSV,
		"\n":                              schema.ReasonBadCSV,
		"2,2020-07-01 00:25:32,75":        schema.ReasonBadCSV,
		"2,2020-07-01 00:25:32,75,9,x,y":  schema.ReasonBadCSV,
		`2,"2020-07-01 00:25:32,75,9,x`:   schema.ReasonBadCSV,
		`2,20"20",75,9,x`:                 schema.ReasonBadCSV,
		"1,,75,9,x\n2,,75,9,x":            schema.ReasonBadCSV,
		"1,,75,9,x\n\n2,,75,9,x":          schema.ReasonBadCSV,
		"VendorID,time,PULocationID,f,n":  schema.ReasonWrongType,
		"2,2020-07-01 00:25:32,75,9,\xff": schema.ReasonBadText,
		`{"PULocationID":10}`:             schema.ReasonBadCSV,
	} {
		wantBad(t, d, []byte(value), reason)
	}
	wantRide(t, d, framedAs(3, []byte(`{"PULocationID":10}`)...), zoneTen())
}

func TestCSVColumns(t *testing.T) {
	t.Parallel()
	if err := CheckCSVColumns([]string{" VendorID ", "other"}); err != nil {
		t.Error(err)
	}
	for _, names := range [][]string{{}, {""}, {"VendorID", " "}, {"VendorID", "VendorID"}, {"name", "age"}} {
		if err := CheckCSVColumns(names); err == nil {
			t.Errorf("%q is taken", names)
		}
	}
}
