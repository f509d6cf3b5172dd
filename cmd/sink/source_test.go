package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"ridesink/schema"
)

// readAll reads a source to its end or its first error.
func readAll(t *testing.T, s source) ([]schema.Ride, error) {
	t.Helper()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var rides []schema.Ride
	for {
		ride, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return rides, nil
		case err != nil:
			return rides, err
		}
		rides = append(rides, ride)
	}
}

// written opens a file of this content.
func written(t *testing.T, name, content string) (source, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return openSource(t.Context(), path, formatAuto, nil)
}

// oneRide is what the text files of TestTextFiles hold.
func oneRide() schema.Ride {
	return schema.Ride{
		PickupDatetime:   schema.Some(time.Date(2020, 7, 1, 0, 25, 32, 0, time.UTC)),
		PickupLocationID: schema.Some(int32(238)),
		TaxiType:         "yellow",
		TripDistance:     "1.50",
		TotalAmount:      "-9.30",
	}
}

func TestTextFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scenario, name, content string
		rides                   int
		wantErr                 string // of opening or of reading
	}{
		{
			scenario: "the TLC's CSV", name: "rides.csv", rides: 1,
			content: "tpep_pickup_datetime,PULocationID,trip_distance,passenger_count,total_amount\n2020-07-01 00:25:32,238,1.50,,-9.30\n",
		},
		{
			scenario: "CSV with a byte order mark, quotes, CRLF and canonical names", name: "rides.CSV", rides: 2,
			content: "\ufeff\"pickup_location_id\",tpep_pickup_datetime,trip_distance,total_amount\r\n" +
				"238,\"2020-07-01 00:25:32\",1.50,-9.30\r\n238.0,2020-07-01T00:25:32,1.50,-9.30\r\n",
		},
		{
			scenario: "JSON lines in two dialects with an empty line between", name: "rides.jsonl", rides: 2,
			content: `{"tpep_pickup_datetime":"2020-07-01 00:25:32","PULocationID":238,"trip_distance":1.50,"total_amount":-9.30}` + "\n\n" +
				`{"tpep_pickup_datetime":["2020-07-01 00:25:32"],"pu_location_id":"238","trip_distance":"1.50","total_amount":"-9.30"}`,
		},
		{scenario: "an empty CSV", name: "rides.csv", wantErr: "rides.csv is empty"},
		{scenario: "a CSV without a field of a ride", name: "rides.csv", content: "name,age\nx,1\n", wantErr: "no column is a field of a ride"},
		{
			scenario: "a word for a number in the third line of a CSV", name: "rides.csv", rides: 1,
			content: "tpep_pickup_datetime,PULocationID,trip_distance,total_amount\n2020-07-01 00:25:32,238,1.50,-9.30\n2020-07-01 00:25:32,238,far,-9.30\n",
			wantErr: "rides.csv: line 3: trip_distance",
		},
		{
			scenario: "a line of a CSV with too few fields", name: "rides.csv", content: "PULocationID,DOLocationID\n1\n",
			wantErr: "rides.csv: line 2: wrong number of fields",
		},
		{
			scenario: "text of a CSV that is not UTF-8", name: "rides.csv", content: "PULocationID,store_and_fwd_flag\n1,\xff\n",
			wantErr: `rides.csv: line 2: "store_and_fwd_flag" is not UTF-8`,
		},
		{
			scenario: "a cut line of JSON", name: "rides.jsonl", rides: 1,
			content: `{"tpep_pickup_datetime":"2020-07-01 00:25:32","PULocationID":238,"trip_distance":1.50,"total_amount":-9.30}` + "\n" + `{"PULocationID":`,
			wantErr: "rides.jsonl: line 2: invalid_json",
		},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			var rides []schema.Ride
			s, err := written(t, tt.name, tt.content)
			if err == nil {
				rides, err = readAll(t, s)
			} else if exitCode(err) != exitUsage {
				t.Errorf("exit code %d for a file that cannot be opened", exitCode(err))
			}
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
			if len(rides) != tt.rides {
				t.Errorf("%d rides, want %d", len(rides), tt.rides)
			}
			for _, ride := range rides {
				if ride != oneRide() {
					t.Errorf("got %+v\nwant %+v", ride, oneRide())
				}
			}
		})
	}
}

func TestUnknownColumnsAreKept(t *testing.T) {
	t.Parallel()
	s, err := written(t, "rides.csv", "PULocationID,weather\n238,\"rain, \"\"light\"\"\"\n")
	if err != nil {
		t.Fatal(err)
	}
	rides, err := readAll(t, s)
	if err != nil || len(rides) != 1 || rides[0].ExtraFields != `{"weather":"rain, \"light\""}` {
		t.Errorf("rides %+v, error %v", rides, err)
	}
}

// tlcRow is a row as the TLC's files of yellow taxis have it, all of it optional.
type tlcRow struct {
	VendorID       *int64   `parquet:"VendorID,optional"`
	Pickup         *int64   `parquet:"tpep_pickup_datetime,optional,timestamp(microsecond:local)"`
	Dropoff        *int64   `parquet:"tpep_dropoff_datetime,optional,timestamp(microsecond:local)"`
	PassengerCount *float64 `parquet:"passenger_count,optional"`
	TripDistance   *float64 `parquet:"trip_distance,optional"`
	RatecodeID     *float64 `parquet:"RatecodeID,optional"`
	Flag           *string  `parquet:"store_and_fwd_flag,optional"`
	PULocationID   *int32   `parquet:"PULocationID,optional"`
	PaymentType    *int64   `parquet:"payment_type,optional"`
	TotalAmount    *float64 `parquet:"total_amount,optional"`
	AirportFee     *float64 `parquet:"Airport_fee,optional"`
}

func writeParquet[T any](t *testing.T, rows []T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rides.parquet")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	// Row groups of two rows, so that there is more than one.
	w := parquet.NewGenericWriter[T](file, parquet.MaxRowsPerRowGroup(2), parquet.Compression(&parquet.Snappy))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParquet(t *testing.T) {
	t.Parallel()
	clock := time.Date(2024, 3, 10, 2, 30, 0, 123456000, time.UTC) // an hour that New York did not have
	full := tlcRow{
		VendorID: new(int64(2)), Pickup: new(clock.UnixMicro()), PassengerCount: new(1.0), TripDistance: new(1.72), RatecodeID: new(99.0),
		Flag: new("N"), PULocationID: new(int32(186)), PaymentType: new(int64(2)), TotalAmount: new(-22.7), AirportFee: new(1e-7),
	}
	sparse := tlcRow{PULocationID: new(int32(264))}
	path := writeParquet(t, []tlcRow{full, sparse, full, sparse, full})
	s, err := openSource(t.Context(), path, formatAuto, nil)
	if err != nil {
		t.Fatal(err)
	}
	rides, err := readAll(t, s)
	if err != nil || len(rides) != 5 {
		t.Fatalf("%d rides, error %v", len(rides), err)
	}
	wantFull := schema.Ride{
		PickupDatetime: schema.Some(clock), VendorID: schema.Some(int32(2)), PassengerCount: schema.Some(int32(1)), RateCodeID: schema.Some(int32(99)),
		PickupLocationID: schema.Some(int32(186)), PaymentType: schema.Some(int32(2)), TaxiType: "yellow", StoreAndFwdFlag: "N",
		TripDistance: "1.72", TotalAmount: "-22.7", AirportFee: "0.0000001",
	}
	wantSparse := schema.Ride{PickupLocationID: schema.Some(int32(264)), TaxiType: "yellow"}
	for i, want := range []schema.Ride{wantFull, wantSparse, wantFull, wantSparse, wantFull} {
		if rides[i] != want {
			t.Errorf("row %d\n got %+v\nwant %+v", i+1, rides[i], want)
		}
	}
}

func TestParquetFaults(t *testing.T) {
	t.Parallel()
	type nested struct {
		PULocationID []int64 `parquet:"PULocationID,list"`
	}
	type wrong struct {
		PassengerCount float64 `parquet:"passenger_count"`
	}
	for _, tt := range []struct{ scenario, path, want string }{
		{"a nested column", writeParquet(t, []nested{{}}), "nested"},
		{"half a passenger in the second row", writeParquet(t, []wrong{{1}, {1.5}}), "rides.parquet: row 2: passenger_count"},
		{"no Parquet at all", func() string {
			path := filepath.Join(t.TempDir(), "rides.parquet")
			if err := os.WriteFile(path, []byte("PULocationID\n1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}(), "is it a Parquet file?"},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			s, err := openSource(t.Context(), tt.path, formatAuto, nil)
			if err == nil {
				_, err = readAll(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
