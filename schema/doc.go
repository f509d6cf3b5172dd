// Package schema says what a ride is. It knows neither Kafka nor PostgreSQL's driver: bytes of a record come in, bytes of a row go out.
//
// Everything follows from one table in fields.go, one line a column: its kind and the names it arrives under. To add a field, add a line
// there, a line to Ride and a migration.
//
// The way of a record through the files:
//
//	decode.go   Decoder.AppendRow: tries the layouts of the records before, else the general path; what came out becomes a row
//	layout.go   the fast path: the names, their order and the spaces between them are those of an earlier record, verified byte by byte
//	quick.go    values in their usual shapes, read eight bytes at a time
//	members.go  the general path: any object, any order, any spelling, duplicates; it alone decides what is an error
//	envelope.go what Kafka Connect and Debezium put around a record
//	scan.go     JSON, strictly, with NaN; names.go finds the column of a name
//	value.go    one JSON value to one column; number.go and clock.go know the notations
//	row.go      a tuple of PostgreSQL's binary COPY format; numeric.go its exact decimals
//
// and back: ride.go is a ride for Go programs, dialect.go and encode.go write it as JSON, in each dialect that the decoder reads.
//
// Both paths end in the same slots and share the code behind them. Whatever the fast path does not recognise it leaves to the general
// one, so it can be slower than hoped but not different; FuzzPathsAgree looks for the contrary.
package schema
