package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"ridesink/internal/partlog"
	"ridesink/internal/serde"
	"ridesink/schema"
)

// letter.go: a dead letter against its record, byte by byte.

// letterColumns are what is read of a dead letter. kafka_offset is first.
func letterColumns() []string {
	return []string{columnOffset, columnPartition, columnTimestamp, "record_key", "record_value", "record_headers", "reason"}
}

// Places in letterColumns.
const (
	letterPartition = 1
	letterTimestamp = 2
	letterKey       = 3
	letterValue     = 4
	letterHeaders   = 5
	letterReason    = 6
)

// compareLetter looks at everything of a dead letter. bad is what today's binary says of the record, nil if it would make a row of it.
func (c *partitionCheck) compareLetter(r *partlog.Record, stored [][]byte, bad *schema.DecodeError) error {
	headers, err := r.Headers()
	if err != nil {
		return fmt.Errorf("%s: read the headers of offset %d: %w", c.place, r.Offset, err)
	}
	sound := true
	differs := func(column, stored, record string) {
		sound = false
		c.different(Difference{Offset: r.Offset, Column: column, Stored: stored, Record: record, Detail: "in sink_dead_letters"})
	}
	stamp := rideColumn{form: formTimestamp}
	if want := timestamptz(r.Timestamp); !sameNullable(stored[letterTimestamp], want) {
		differs(columnTimestamp, stamp.text(stored[letterTimestamp]), stamp.text(want))
	}
	if !sameNullable(stored[letterKey], r.Key) {
		differs("record_key", bytesText(stored[letterKey]), bytesText(r.Key))
	}
	if !sameNullable(stored[letterValue], r.Value) {
		differs("record_value", bytesText(stored[letterValue]), bytesText(r.Value))
	}
	if !sameNullable(stored[letterHeaders], headerArray(headers)) {
		differs("record_headers", headersText(stored[letterHeaders]), headersText(headerArray(headers)))
	}
	reason := string(stored[letterReason])
	rejected := reason == string(schema.ReasonRejected)
	// What the schema registry knew then, and knows now, is not in the record.
	const unknown = schema.ReasonUnknownSchema
	learned := serde.Framed(r.Value) && (reason == string(unknown) || bad != nil && bad.Reason == unknown)
	if bad != nil && reason != string(bad.Reason) && !rejected && !learned {
		differs("reason", shorten(reason), string(bad.Reason))
	}
	if !sound {
		c.report.Different++
		return nil
	}
	c.report.DeadLetters++
	switch {
	case rejected:
		c.report.Rejected++
	case bad == nil:
		c.report.Decodable++
	}
	return nil
}

// sameNullable tells null from empty.
func sameNullable(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// timestamptz is a record's timestamp as sink_dead_letters has it: NULL for none and for what timestamptz cannot hold.
func timestamptz(ms int64) []byte {
	const (
		last           = 9224318015999 * 1000 // 294276-12-31 23:59:59 UTC
		unixToPostgres = 946_684_800_000      // 2000-01-01
	)
	if ms < 0 || ms > last {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, uint64((ms-unixToPostgres)*1000)) // the same bits
}

// headerArray is the binary form of a bytea[] of {key, value} pairs; nil without headers.
func headerArray(headers []partlog.Header) []byte {
	if len(headers) == 0 {
		return nil
	}
	const bytea, dimensions = 17, 2
	var hasNull uint32
	for _, h := range headers {
		if h.Value == nil {
			hasNull = 1
		}
	}
	var b []byte
	for _, n := range []uint32{dimensions, hasNull, bytea, uint32(len(headers)), 1, 2, 1} { // each dimension: length, first index
		b = binary.BigEndian.AppendUint32(b, n)
	}
	for _, h := range headers {
		for _, field := range [][]byte{h.Key, h.Value} {
			if field == nil {
				b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF)
				continue
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
			b = append(b, field...)
		}
	}
	return b
}

// headersText says how much an array of headers holds: its contents are nobody's business here.
func headersText(array []byte) string {
	const length = 12 // where the first dimension's is
	if len(array) < length+4 {
		return "NULL"
	}
	return fmt.Sprintf("%d headers in %d bytes", binary.BigEndian.Uint32(array[length:]), len(array))
}
