// Package partlog reads one partition's log from its leader to records: committed ones only, every batch checked, nothing skipped in silence.
//
// It speaks Fetch, ListOffsets and Metadata itself (https://kafka.apache.org/protocol), over the connections, TLS and SASL of a
// kafka-go Transport, because kafka-go's Reader delivers aborted records, checks no CRC, and jumps over what it cannot find.
//
//	log.go       Log: the brokers, metadata and leaders
//	metadata.go  Metadata requests: leaders, leader epochs, topic ids
//	offsets.go   ListOffsets requests: log start, last stable offset, high watermark, offset of a time
//	reader.go    Reader: one fetch from one partition's leader
//	fetch.go     the Fetch request and response on the wire
//	fetched.go   Fetched: from the bytes of a response to records
//	aborted.go   which batches of a response belong to aborted transactions
//	batch.go     the header of a record batch
//	record.go    one record
//	codec.go     decompression, bounded
//	wire.go      primitive types of the protocol
//	errors.go    every error code, and what is to be done about it
//
// The package keeps no state between fetches but leaders. It does not retry, back off or log: its caller does.
package partlog
