package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// bad_records_test.go: records that are no rides are kept byte for byte with their reason and hold up nobody.

// badValue is one kind of bad record.
type badValue struct {
	kind   string
	value  func(n int) string // the n-th of its kind
	reason string
}

func badValues() []badValue {
	// in is a ride with one field more, which is bad.
	in := func(field string) func(int) string {
		return func(n int) string { return fmt.Sprintf(`{"PULocationID": %d, %s}`, n, field) }
	}
	is := func(text string) func(int) string { return func(int) string { return text } }
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	return []badValue{
		{"nesting deeper than 64", in(`"colour": ` + deep), "too_large"},
		{"an empty value", is(""), "invalid_json"},
		{"JSON that is cut off", func(n int) string { return fmt.Sprintf(`{"PULocationID": %d, "trip_dist`, n) }, "invalid_json"},
		{"something behind the object", func(n int) string { return fmt.Sprintf(`{"PULocationID": %d} %d`, n, n) }, "invalid_json"},
		{"no JSON at all", func(n int) string { return fmt.Sprintf("ride number %d\n", n) }, "invalid_json"},
		{"control bytes", func(n int) string { return strings.Repeat("\x01\x02", 10+n) }, "invalid_json"},
		{"an array", func(n int) string { return fmt.Sprintf(`[{"PULocationID": %d}]`, n) }, "not_an_object"},
		{"a string", is(`"PULocationID"`), "not_an_object"},
		{"a number", func(n int) string { return fmt.Sprint(n) }, "not_an_object"},
		{"an empty object", is("{}"), "no_known_field"},
		{"only unknown fields", is(`{"speed": 1, "colour": "yellow"}`), "no_known_field"},
		{"half a passenger", in(`"passenger_count": 1.5`), "wrong_type"},
		{"an object for a number", in(`"VendorID": {"id": 1}`), "wrong_type"},
		{"letters for a number", in(`"trip_distance": "far"`), "wrong_type"},
		{"two names of one column that disagree", in(`"pu_location_id": 999`), "wrong_type"},
		{"an integer beyond its column", in(`"DOLocationID": 3000000000`), "out_of_range"},
		{"a decimal with a huge exponent", in(`"fare_amount": 1e200000`), "out_of_range"},
		{"a day that is not in the calendar", in(`"tpep_pickup_datetime": "2020-02-30 00:00:00"`), "bad_time"},
		{"an epoch number beyond microseconds", in(`"tpep_pickup_datetime": 100000000000000000000`), "bad_time"},
		{"a time of another zone", in(`"tpep_dropoff_datetime": "2020-07-01T00:25:32+09:00"`), "bad_time"},
		{"a NUL in text", in(`"store_and_fwd_flag": "N\u0000"`), "bad_text"},
		{"half of a surrogate pair", in(`"store_and_fwd_flag": "\ud800"`), "bad_text"},
		{"a NUL in a field that nobody declared", in(`"colour": {"of": ["yellow\u0000"]}`), "bad_text"},
		{"bytes that are not UTF-8", in("\"store_and_fwd_flag\": \"\xc3\x28\""), "bad_text"},
	}
}

// TestBadRecords holds: among 10,000 good rides each of 5 bad records of each kind is kept with value, key, headers, timestamp, place and
// reason; every good one is stored; the exit code is 4, and stays 4 in a second backfill that finds nothing to do.
func TestBadRecords(t *testing.T) {
	t.Parallel()
	const partitions, each = 4, 5
	s := newScene(t, partitions)
	good := recordsOf(t, s.topic(), partitions, madeRides(random(t), 10_000), writeMixed)
	var bad []sent
	for n := range each {
		for i, b := range badValues() {
			bad = append(bad, sent{fate: isDead, reason: b.reason, record: &kgo.Record{
				Topic: s.topic(), Partition: int32((n + i) % partitions), Timestamp: epoch(),
				Key: oddKeys()[(n+i)%len(oddKeys())], Value: []byte(b.value(n)), Headers: oddHeaders()[(n*7+i)%len(oddHeaders())],
			}})
		}
	}
	// The first record of the topic is bad, the last is bad, the others are spread.
	var records []sent
	step := len(good)/(len(bad)-1) + 1
	for i, b := range bad {
		records = append(records, b)
		if i < len(bad)-1 {
			records = append(records, good[min(i*step, len(good)):min((i+1)*step, len(good))]...)
		}
	}
	s.publish(records)
	checkLog(t, s.brokers, records, s.topics...)

	sum := s.backfilled(4)
	if want := (counts{Inserted: int64(len(good)), DeadLetters: int64(len(bad))}); sum.Totals != want {
		t.Errorf("the totals are %+v, want %+v", sum.Totals, want)
	}
	s.checkStored(records)
	s.checkAtEnd(t)
	if again := s.backfilled(4); again.ThisRun != (counts{}) {
		t.Errorf("a second backfill stored %+v", again.ThisRun)
	}
	s.checkStored(records)
}

// oddKeys are keys as producers send them: a number, none, an empty one, bytes.
func oddKeys() [][]byte {
	return [][]byte{[]byte("132"), nil, {}, {0, 0xff, '\\', '"'}}
}

// oddHeaders are headers that a careless store loses: repeated, in an order, without a value, with an empty one, without a name, binary.
func oddHeaders() [][]kgo.RecordHeader {
	return [][]kgo.RecordHeader{
		nil,
		{{Key: "trace", Value: []byte("1")}},
		{{Key: "b", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "b", Value: []byte("3")}},
		{{Key: "null", Value: nil}, {Key: "empty", Value: []byte{}}, {Key: "", Value: []byte{0, 1, 0xff}}},
	}
}

// TestOddRecords holds: tombstones are counted, an empty value is a dead letter, keys and headers of any kind never make a ride bad.
func TestOddRecords(t *testing.T) {
	t.Parallel()
	const partitions = 2
	s := newScene(t, partitions)
	records := recordsOf(t, s.topic(), partitions, madeRides(random(t), 400), writeMixed)
	for i := range records {
		records[i].record.Key = oddKeys()[i%len(oddKeys())]
		records[i].record.Headers = oddHeaders()[i/2%len(oddHeaders())]
	}
	for i := range 30 {
		at := int32(i % partitions)
		gone := tombstone(s.topic(), at)
		gone.record.Headers = oddHeaders()[i%len(oddHeaders())]
		empty := sent{fate: isDead, reason: "invalid_json", record: &kgo.Record{Topic: s.topic(), Partition: at, Timestamp: epoch(), Value: []byte{}}}
		records = append(records, gone, empty)
	}
	// A partition that begins and one that ends in tombstones.
	records = append([]sent{tombstone(s.topic(), 0), tombstone(s.topic(), 0)}, append(records, tombstone(s.topic(), 1))...)
	s.publish(records)
	checkLog(t, s.brokers, records, s.topics...)
	s.backfilled(4)
	s.checkStored(records)
	s.checkAtEnd(t)
}

// TestOnlyTombstones holds: a topic of nothing but tombstones is done, with exit code 0.
func TestOnlyTombstones(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	records := []sent{tombstone(s.topic(), 0), tombstone(s.topic(), 0), tombstone(s.topic(), 0)}
	s.publish(records)
	s.backfilled(0)
	s.checkStored(records)
	s.checkAtEnd(t)
}
