package serde

import (
	"encoding/binary"
	"encoding/json"

	"ridesink/schema"
)

// avro_write.go: a ride as an Avro record, the inverse of avro_read.go.

// avroRide returns the schema of a ride. Times are local-timestamp-micros, a clock without a zone, as the columns are. Decimals are strings, because money
// is exact text: Avro's decimal has one scale for a field, so 9.3 would come back as 9.30. Each field may be null, and is if it is missing,
// so that a column more is a schema that reads old values and is read by old readers.
func avroRide(fields []schema.Field) string {
	type field struct {
		Name    string `json:"name"`
		Type    []any  `json:"type"`
		Default any    `json:"default"` // null
	}
	record := struct {
		Type      string  `json:"type"`
		Name      string  `json:"name"`
		Namespace string  `json:"namespace"`
		Fields    []field `json:"fields"`
	}{Type: "record", Name: "Ride", Namespace: "ridesink"}
	for i := range fields {
		var of any = "string"
		switch fields[i].Kind { //nolint:exhaustive // text and decimals are strings, others are no fields of a ride
		case schema.KindTime:
			of = map[string]string{"type": "long", "logicalType": "local-timestamp-micros"}
		case schema.KindInteger:
			of = "int"
		}
		record.Fields = append(record.Fields, field{Name: fields[i].Column, Type: []any{"null", of}})
	}
	text, _ := json.Marshal(record) // texts always can be
	return string(text)
}

// appendAvro appends a record of avroRide's schema: for each field the branch of its union, zero for null, and the value.
func (e *Encoder) appendAvro(dst []byte, ride *schema.Ride) ([]byte, error) {
	for i := range e.fields {
		f := &e.fields[i]
		v, null, err := e.value(f, ride)
		switch {
		case err != nil:
			return dst, err
		case null:
			dst = binary.AppendVarint(dst, 0)
			continue
		}
		dst = binary.AppendVarint(dst, 1)
		switch f.Kind {
		case schema.KindTime, schema.KindInteger:
			dst = binary.AppendVarint(dst, v.number)
		default:
			dst = append(binary.AppendVarint(dst, int64(len(v.text))), v.text...)
		}
	}
	return dst, nil
}
