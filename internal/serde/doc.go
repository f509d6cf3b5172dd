// Package serde reads values that are not plain JSON, and writes them: Avro, JSON Schema and Protobuf in the wire format of Confluent's Schema
// Registry, and comma-separated values. What a ride is stays in schema: every format is written again as JSON under the names that the producer gave,
// and schema decodes that by the same table and the same rules as any other record.
//
// The way of a value through the files:
//
//	decoder.go     Decoder: tells formats apart, plain JSON goes straight on to schema
//	wire.go        the zero byte, the id of the schema, the index of a Protobuf message
//	registry.go    a schema by its id: asked for once, compiled once, and what is done when the registry is away
//	compile.go     a schema with what it refers to becomes a transcoder
//	avro.go        the types of an Avro schema; avro_read.go reads a value along them; avro_logical.go has times and decimals
//	protobuf.go    a Protobuf schema becomes a descriptor; protobuf_read.go writes a message as JSON
//	csv.go         comma-separated values whose columns are configured
//	json_text.go   JSON as all of them append it, within a bound
//
// and back, for `sink produce`: encoder.go, with avro_write.go, protobuf_write.go and json_schema.go.
package serde
