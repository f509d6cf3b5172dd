package schema

import "slices"

// fields.go: the table of columns. Everything else in this package is derived from it; names.go is its index.

// Kind says how values of a field are read and stored.
type Kind uint8

// Kinds of fields. Those that are not exported do not come from a record's value.
const (
	KindTime    Kind = iota + 1 // timestamp: the wall clock of New York, without a zone
	KindInteger                 // int
	KindText                    // text
	KindDecimal                 // numeric: exactly the digits that arrived

	kindOffset    // kafka_offset
	kindTimestamp // kafka_timestamp
	kindPartition // kafka_partition
	kindTopic     // kafka_topic
	kindExtra     // fields nobody declared, jsonb

	kindNull // in row.go: a field without a value
)

// Field is one field of a ride, for those who walk the table.
type Field struct {
	Column string   // of the table rides
	Kind   Kind     // how it is read and stored
	Names  []string // it arrives under, the column's first; case and underscores do not matter

	column *column
}

// Of returns a pointer to the field of a ride: *Null[time.Time], *Null[int32], *string or *Decimal, by its kind.
func (f *Field) Of(r *Ride) any { return f.column.of(r) }

// files says in which of the files that the TLC publishes a field is.
type files uint8

const (
	yellowFile files = 1 << iota
	greenFile
	bothFiles = yellowFile | greenFile
)

// column is one line of the table.
type column struct {
	name          string
	kind          Kind
	tlc           string          // the TLC's name; "": the column's
	snake         string          // in snake case; "": the column's
	yellow, green string          // names that also tell the taxi's type
	files         files           // missing values of these fields are written, others left out
	minimal       bool            // one of the five fields of the Minimal dialect
	of            func(*Ride) any // pointer to the field of a Ride
}

// columns is the table, in the order of the table rides: fixed widths first, so that rows are stored without padding.
var columns = [...]column{ //nolint:gochecknoglobals // read only
	{name: "kafka_offset", kind: kindOffset},
	{name: "kafka_timestamp", kind: kindTimestamp},
	{name: "pickup_datetime", kind: KindTime, yellow: "tpep_pickup_datetime", green: "lpep_pickup_datetime", files: bothFiles, minimal: true, of: func(r *Ride) any { return &r.PickupDatetime }},
	{name: "dropoff_datetime", kind: KindTime, yellow: "tpep_dropoff_datetime", green: "lpep_dropoff_datetime", files: bothFiles, of: func(r *Ride) any { return &r.DropoffDatetime }},
	{name: "kafka_partition", kind: kindPartition},
	{name: "vendor_id", kind: KindInteger, tlc: "VendorID", files: bothFiles, of: func(r *Ride) any { return &r.VendorID }},
	{name: "passenger_count", kind: KindInteger, files: bothFiles, of: func(r *Ride) any { return &r.PassengerCount }},
	{name: "rate_code_id", kind: KindInteger, tlc: "RatecodeID", files: bothFiles, of: func(r *Ride) any { return &r.RateCodeID }},
	{name: "pickup_location_id", kind: KindInteger, tlc: "PULocationID", snake: "pu_location_id", files: bothFiles, minimal: true, of: func(r *Ride) any { return &r.PickupLocationID }},
	{name: "dropoff_location_id", kind: KindInteger, tlc: "DOLocationID", snake: "do_location_id", files: bothFiles, minimal: true, of: func(r *Ride) any { return &r.DropoffLocationID }},
	{name: "payment_type", kind: KindInteger, files: bothFiles, of: func(r *Ride) any { return &r.PaymentType }},
	{name: "trip_type", kind: KindInteger, files: greenFile, of: func(r *Ride) any { return &r.TripType }},
	{name: "kafka_topic", kind: kindTopic},
	{name: "taxi_type", kind: KindText, of: func(r *Ride) any { return &r.TaxiType }},
	{name: "store_and_fwd_flag", kind: KindText, files: bothFiles, of: func(r *Ride) any { return &r.StoreAndFwdFlag }},
	{name: "trip_distance", kind: KindDecimal, files: bothFiles, minimal: true, of: func(r *Ride) any { return &r.TripDistance }},
	{name: "fare_amount", kind: KindDecimal, files: bothFiles, of: func(r *Ride) any { return &r.FareAmount }},
	{name: "extra", kind: KindDecimal, files: bothFiles, of: func(r *Ride) any { return &r.Extra }},
	{name: "mta_tax", kind: KindDecimal, files: bothFiles, of: func(r *Ride) any { return &r.MTATax }},
	{name: "tip_amount", kind: KindDecimal, files: bothFiles, of: func(r *Ride) any { return &r.TipAmount }},
	{name: "tolls_amount", kind: KindDecimal, files: bothFiles, of: func(r *Ride) any { return &r.TollsAmount }},
	{name: "ehail_fee", kind: KindDecimal, files: greenFile, of: func(r *Ride) any { return &r.EhailFee }},
	{name: "improvement_surcharge", kind: KindDecimal, files: bothFiles, of: func(r *Ride) any { return &r.ImprovementSurcharge }},
	{name: "total_amount", kind: KindDecimal, files: bothFiles, minimal: true, of: func(r *Ride) any { return &r.TotalAmount }},
	{name: "congestion_surcharge", kind: KindDecimal, files: bothFiles, of: func(r *Ride) any { return &r.CongestionSurcharge }},
	{name: "airport_fee", kind: KindDecimal, tlc: "Airport_fee", of: func(r *Ride) any { return &r.AirportFee }},
	{name: "cbd_congestion_fee", kind: KindDecimal, of: func(r *Ride) any { return &r.CBDCongestionFee }},
	{name: "extra_fields", kind: kindExtra},
}

// maxColumns bounds the table, so that an index needs no check. A larger power of two is fine.
const maxColumns = 32

// kinds is the column's kind alone, close together for the loop in row.go.
var kinds = func() (k [len(columns)]Kind) { //nolint:gochecknoglobals // read only
	for i := range columns {
		k[i] = columns[i].kind
	}
	return k
}()

// taxiType and extraFields are the two columns that more than one name of a record can fill.
var (
	taxiType    = columnNumber("taxi_type")    //nolint:gochecknoglobals // read only
	extraFields = columnNumber("extra_fields") //nolint:gochecknoglobals // read only
)

func columnNumber(name string) uint8 {
	return uint8(slices.IndexFunc(columns[:], func(c column) bool { return c.name == name })) // a column of the table
}

// arrives says that the column is a field of a record's value.
func (c *column) arrives() bool { return c.of != nil }

// names returns every name the column arrives under, its own first.
func (c *column) names() []string {
	names := []string{c.name}
	for _, name := range []string{c.tlc, c.snake, c.yellow, c.green} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Columns returns the columns of rides in the order in which AppendRow writes them. The caller may change the slice.
func Columns() []string {
	names := make([]string, 0, len(columns))
	for i := range columns {
		names = append(names, columns[i].name)
	}
	return names
}

// TypeOf returns the type of a column of rides as PostgreSQL's regtype prints it: in which form AppendRow writes it. It is empty for what is no
// column.
func TypeOf(name string) string {
	for i := range columns {
		if columns[i].name == name {
			return columns[i].kind.postgres()
		}
	}
	return ""
}

// KindOf returns the kind of the field that arrives under a name, 0 for a name that no field has.
func KindOf(name string) Kind {
	means, known := lookUp([]byte(name))
	if !known {
		return 0
	}
	return kinds[means.column]
}

func (k Kind) postgres() string {
	switch k {
	case kindOffset:
		return "bigint"
	case kindTimestamp:
		return "timestamp with time zone"
	case kindPartition, KindInteger:
		return "integer"
	case kindTopic, KindText:
		return "text"
	case KindTime:
		return "timestamp without time zone"
	case KindDecimal:
		return "numeric"
	case kindExtra:
		return "jsonb"
	case kindNull:
	}
	return ""
}

// Fields returns the fields of a ride in the order of Columns, without the columns that say where a record was read and without
// extra_fields. The caller may change the slice.
func Fields() []Field {
	var fields []Field
	for i := range columns {
		if c := &columns[i]; c.arrives() {
			fields = append(fields, Field{Column: c.name, Kind: c.kind, Names: c.names(), column: c})
		}
	}
	return fields
}
