package serde

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"ridesink/schema"
)

// protobuf_write.go: a ride as a Protobuf message, the inverse of protobuf_read.go.

// protobufRide returns the .proto file of a ride. A field's number is its place in schema.Fields(), so a new column must be appended there behind the
// others for the numbers of today's schema to stay. Times are google.protobuf.Timestamp, because every tool shows it as a time and it holds the
// years 1 to 9999 as the text of a dialect does: it is New York's clock read as UTC. Decimals are strings, because a double is not exact. All
// fields are optional: zero and nothing differ.
func protobufRide(fields []schema.Field) string {
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\npackage ridesink;\nimport \"google/protobuf/timestamp.proto\";\n\nmessage Ride {\n")
	for i := range fields {
		of := "optional string"
		switch fields[i].Kind { //nolint:exhaustive // text and decimals are strings, others are no fields of a ride
		case schema.KindTime:
			of = timestampName // a message is always optional
		case schema.KindInteger:
			of = "optional int32"
		}
		fmt.Fprintf(&b, "  %s %s = %d;\n", of, fields[i].Column, fieldNumber(i))
	}
	b.WriteString("}\n")
	return b.String()
}

func fieldNumber(place int) protowire.Number { return protowire.Number(place + 1) } // below 32: a column each

// Fields of google.protobuf.Timestamp.
const (
	timestampSeconds protowire.Number = 1
	timestampNanos   protowire.Number = 2
)

// firstMessage is the index of the first message of a file.
const firstMessage = 0

// appendProtobuf appends the index of the message and the message. Without any field it would be no ride.
func (e *Encoder) appendProtobuf(dst []byte, ride *schema.Ride) ([]byte, error) {
	dst = append(dst, firstMessage)
	begin := len(dst)
	for i := range e.fields {
		f := &e.fields[i]
		v, null, err := e.value(f, ride)
		switch {
		case err != nil:
			return dst, err
		case null:
			continue
		}
		number := fieldNumber(i)
		switch f.Kind {
		case schema.KindTime:
			dst = appendTimestamp(dst, number, v.number)
		case schema.KindInteger:
			dst = protowire.AppendTag(dst, number, protowire.VarintType)
			dst = protowire.AppendVarint(dst, uint64(v.number)) // two's complement is meant
		default:
			dst = protowire.AppendTag(dst, number, protowire.BytesType)
			dst = protowire.AppendBytes(dst, v.text)
		}
	}
	if len(dst) == begin {
		return dst, fmt.Errorf("encode ride: it has no field that %s would write, and an object without one is no ride", e.encoding)
	}
	return dst, nil
}

// appendTimestamp appends microseconds since 1970. Nanoseconds count forwards, also before 1970; zeros are left out.
func appendTimestamp(dst []byte, number protowire.Number, micros int64) []byte {
	seconds, nanos := micros/1_000_000, micros%1_000_000*1000
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+1_000_000_000
	}
	var message [32]byte
	b := message[:0]
	if seconds != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, timestampSeconds, protowire.VarintType), uint64(seconds)) // two's complement is meant
	}
	if nanos != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, timestampNanos, protowire.VarintType), uint64(nanos)) // not negative
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), b)
}
