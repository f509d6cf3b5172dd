// Package verify proves that the tables hold what the topics hold: it reads the topics again, up to the positions in sink_ledger, and compares
// them with rides and sink_dead_letters, record by record and column by column. It changes nothing.
//
//	verify.go     Run: one snapshot of the database, then topic by topic, partition by partition
//	snapshot.go   the snapshot: two connections that see the same moment; the ledger, accepted losses, the columns. sql.go has the statements
//	tuples.go     one side: rows and dead letters as PostgreSQL streams them, in the order of offsets
//	log.go        the other side: the log, fetched ahead
//	sample.go     which offsets are looked at: bounds and shares
//	partition.go  both sides meet: missing, doubled, different
//	row.go        a row that is not equal byte for byte: which columns differ in value
//	values.go     values of the binary format as text, and jsonb by value
//	letter.go     a dead letter against its record
//	counts.go     the ledger's counts against what was found
//	explain.go    what an operator wonders about, in words
//	report.go     what was found, and the verdict
//
// A row is equal if its bytes, as COPY sends them, are those that package schema makes of the record with today's binary: an exact
// comparison, as fast as memory. Only where they are not are columns looked at one by one. Memory does not grow with the topic: both sides
// come in the order of offsets and meet in buffers of a fixed size.
package verify
