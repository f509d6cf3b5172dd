package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// dialects_test.go writes a ride of csv_test.go as the record that a producer of each dialect sends, and says what PostgreSQL must
// hold for it. database_test.go compares.

// stored is what a row of rides must hold, column by column, as PostgreSQL prints it; null for NULL.
type stored [columnsStored]string

// null is NULL as COPY TO prints it.
const null = `\N`

// storedColumns are all columns of rides but the coordinates, in the order of stored: those of the CSV file first, in its order.
const storedColumns = "vendor_id, pickup_datetime, dropoff_datetime, passenger_count, trip_distance, rate_code_id, store_and_fwd_flag, " +
	"pickup_location_id, dropoff_location_id, payment_type, fare_amount, extra, mta_tax, tip_amount, tolls_amount, " +
	"improvement_surcharge, total_amount, congestion_surcharge, " +
	"taxi_type, trip_type, ehail_fee, airport_fee, cbd_congestion_fee, extra_fields"

// Places in stored of the columns that the CSV file does not have.
const (
	taxiType = fieldsInCSV + iota
	tripType
	ehailFee
	airportFee
	cbdCongestionFee
	extraFields
	columnsStored
)

// dialect is one way in which producers write a ride.
type dialect struct {
	letter, means string
	// write returns the i-th ride of a test as a record's value, and the row that must come of it. i lets a dialect vary what it may.
	write func(t testing.TB, i int, r ride) (value []byte, row stored)
}

func dialects() []dialect {
	return []dialect{
		{"A", "the TLC's own names, in any case", writeTLC},
		{"B", "snake case, decimals as strings, times as lists", writeSnake},
		{"C", "five fields, the time in epoch milliseconds", writeMinimal},
		{"D", "green taxis from a CSV reader, all strings", writeGreenCSV},
		{"E", "green taxis from a data frame, floats and NaN", writeGreenFrame},
		{"F", "Java, times as arrays or ISO text, camel case", writeJava},
	}
}

// writeMixed writes the i-th ride in the dialect whose turn it is.
func writeMixed(t testing.TB, i int, r ride) ([]byte, stored) {
	all := dialects()
	return all[i%len(all)].write(t, i/len(all), r)
}

// object builds a JSON object from raw values, in order.
type object []byte

func (o *object) add(name, raw string) {
	if len(*o) == 0 {
		*o = append(*o, '{')
	} else {
		*o = append(*o, ',', ' ')
	}
	*o = append(*o, strconv.Quote(name)+": "+raw...)
}

func (o *object) text(name, text string) { o.add(name, strconv.Quote(text)) }

func (o object) bytes() []byte { return append(o, '}') }

// decimal completes a decimal as the CSV file has it (.30) to one that JSON takes (0.30), digits kept. PostgreSQL prints it alike.
func decimal(text string) string {
	sign, digits := "", text
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, digits = "-", rest
	}
	if strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	return sign + digits
}

// float is what Python and Java print for a decimal that they keep as a double: 8 -> 8.0, 1.50 -> 1.5.
func float(t testing.TB, text string) string {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("the CSV file's number %q: %v", text, err)
	}
	printed := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(printed, ".") {
		printed += ".0"
	}
	return printed
}

// emptyRow is a row of NULLs.
func emptyRow() stored {
	var row stored
	for i := range row {
		row[i] = null
	}
	return row
}

// rowOf is the row of a ride whose record kept every digit of the CSV text.
func rowOf(r ride, taxi string) stored {
	row := emptyRow()
	for field, text := range r {
		switch {
		case text == "":
		case isMoney(field):
			row[field] = decimal(text)
		default:
			row[field] = text
		}
	}
	row[taxiType] = taxi
	return row
}

// rawNumber is a CSV number as a JSON number, or null where the CSV has none.
func rawNumber(text string) string {
	if text == "" {
		return "null"
	}
	return decimal(text)
}

// writeTLC is dialect A. Every fourth record is in upper case, every fourth in lower case.
func writeTLC(_ testing.TB, i int, r ride) ([]byte, stored) {
	spell := func(name string) string { return name }
	switch i % 4 {
	case 1:
		spell = strings.ToUpper
	case 3:
		spell = strings.ToLower
	}
	var o object
	for field, name := range csvHeader() {
		if field == storeAndForward || field == pickupTime || field == dropoffTime {
			o.text(spell(name), r[field])
		} else {
			o.add(spell(name), rawNumber(r[field]))
		}
	}
	row := rowOf(r, "yellow")
	if i%2 == 0 { // files from 2021 on have it
		o.add(spell("Airport_fee"), "1.25")
		row[airportFee] = "1.25"
	}
	return o.bytes(), row
}

// writeSnake is dialect B: a Python class whose decimals and times went through str().
func writeSnake(_ testing.TB, _ int, r ride) ([]byte, stored) {
	names := csvHeader()
	names[vendorID], names[rateCodeID] = "vendor_id", "rate_code_id"
	names[pickupLocation], names[dropoffLocation] = "pu_location_id", "do_location_id"
	var o object
	for field, name := range names {
		switch {
		case field == pickupTime, field == dropoffTime:
			o.add(name, `["`+r[field]+`"]`)
		case field == passengerCount, field == rateCodeID, field == pickupLocation:
			o.add(name, rawNumber(r[field]))
		case isMoney(field):
			o.text(name, decimal(r[field]))
		default:
			o.text(name, r[field])
		}
	}
	return o.bytes(), rowOf(r, "yellow")
}

// writeMinimal is dialect C.
func writeMinimal(t testing.TB, _ int, r ride) ([]byte, stored) {
	var o object
	o.add("PULocationID", r[pickupLocation])
	o.add("DOLocationID", r[dropoffLocation])
	o.add("trip_distance", decimal(r[tripDistance]))
	o.add("total_amount", decimal(r[totalAmount]))
	o.add("tpep_pickup_datetime", strconv.FormatInt(r.clock(t, pickupTime).UnixMilli(), 10))
	all, row := rowOf(r, "yellow"), emptyRow()
	for _, field := range []int{pickupLocation, dropoffLocation, tripDistance, totalAmount, pickupTime, taxiType} {
		row[field] = all[field]
	}
	return o.bytes(), row
}

// greenName is the name that green taxis' files have for a field.
func greenName(field int) string {
	return strings.Replace(csvHeader()[field], "tpep_", "lpep_", 1)
}

// writeGreenCSV is dialect D. The decimals go out as the file has them, .30 too.
func writeGreenCSV(_ testing.TB, i int, r ride) ([]byte, stored) {
	row := rowOf(r, "green")
	var o object
	for field := range fieldsInCSV {
		o.text(greenName(field), r[field])
		if field == tollsAmount {
			o.text("ehail_fee", "")
		}
	}
	if i%5 == 4 {
		o.text("trip_type", "")
	} else {
		o.text("trip_type", "2")
		row[tripType] = "2"
	}
	return o.bytes(), row
}

// writeGreenFrame is dialect E. A missing value is null or a bare NaN, by turns.
func writeGreenFrame(t testing.TB, i int, r ride) ([]byte, stored) {
	missing := []string{"null", "NaN"}[i%2]
	row := rowOf(r, "green")
	var o object
	for field := range fieldsInCSV {
		name, text := greenName(field), r[field]
		switch {
		case text == "":
			o.add(name, missing)
		case field == storeAndForward, field == pickupTime, field == dropoffTime:
			o.text(name, text)
		case isMoney(field):
			o.add(name, float(t, text))
			row[field] = float(t, text)
		default:
			o.add(name, float(t, text))
		}
		if field == tollsAmount {
			o.add("ehail_fee", missing)
		}
	}
	o.add("trip_type", "1.0")
	row[tripType] = "1"
	return o.bytes(), row
}

// writeJava is dialect F: by turns times as arrays (short where the seconds are zero), arrays with nanoseconds, ISO text with camel
// case, and a subset of the fields.
func writeJava(t testing.TB, i int, r ride) ([]byte, stored) {
	names := csvHeader()
	clockAs := javaArray
	row := rowOf(r, "yellow")
	switch i % 4 {
	case 1:
		clockAs = javaArrayOfNanoseconds
	case 2:
		clockAs = javaISO
		names = [fieldsInCSV]string{
			"vendorId", "tpepPickupDatetime", "tpepDropoffDatetime", "passengerCount", "tripDistance", "rateCodeId", "storeAndFwdFlag",
			"puLocationId", "doLocationId", "paymentType", "fareAmount", "extra", "mtaTax", "tipAmount", "tollsAmount",
			"improvementSurcharge", "totalAmount", "congestionSurcharge",
		}
	case 3:
		for _, field := range []int{paymentType, extraAmount, congestionSurcharge} {
			names[field], row[field] = "", null
		}
	}
	var o object
	for field, name := range names {
		switch {
		case name == "":
		case field == pickupTime, field == dropoffTime:
			raw, micros := clockAs(t, r, field)
			o.add(name, raw)
			row[field] += micros
		case field == storeAndForward:
			o.text(name, r[field])
		case isMoney(field):
			o.add(name, float(t, r[field]))
			row[field] = float(t, r[field])
		default:
			o.add(name, rawNumber(r[field]))
		}
	}
	return o.bytes(), row
}

// javaArray is a LocalDateTime as Jackson writes it; the seconds are left out when zero. The second result is what PostgreSQL prints
// behind the seconds.
func javaArray(t testing.TB, r ride, field int) (raw, micros string) {
	at := r.clock(t, field)
	if at.Second() == 0 {
		return fmt.Sprintf("[%d,%d,%d,%d,%d]", at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute()), ""
	}
	return fmt.Sprintf("[%d,%d,%d,%d,%d,%d]", at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second()), ""
}

func javaArrayOfNanoseconds(t testing.TB, r ride, field int) (raw, micros string) {
	at := r.clock(t, field)
	return fmt.Sprintf("[%d,%d,%d,%d,%d,%d,123456789]", at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second()), ".123456"
}

func javaISO(_ testing.TB, r ride, field int) (raw, micros string) {
	return strconv.Quote(strings.Replace(r[field], " ", "T", 1)), ""
}

// TestDialectWriters checks this file, not the sink: a writer that writes no JSON would prove nothing about a reader.
func TestDialectWriters(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		for i, r := range madeRides(random(t), 12) {
			value, row := d.write(t, i, r)
			plain := strings.ReplaceAll(string(value), "NaN", "null") // the one thing that JSON has not
			var fields map[string]any
			if err := json.Unmarshal([]byte(plain), &fields); err != nil {
				t.Errorf("dialect %s: %v: %s", d.letter, err, value)
			}
			if row[pickupLocation] != r[pickupLocation] {
				t.Errorf("dialect %s: row %q does not hold the ride %q", d.letter, row, r)
			}
		}
	}
}
