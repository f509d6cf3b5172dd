package serde

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"ridesink/schema"
)

// encoder.go: a ride becomes a value in any format, the inverse of decoder.go. The schemas are made from the table of fields in schema, under the names of
// the columns; avro_write.go, protobuf_write.go and json_schema.go have one each.

// Encoding is how a ride is written.
type Encoding uint8

// Encodings. All but JSON are in the registry's wire format.
const (
	JSON       Encoding = iota // in a dialect
	JSONSchema                 // JSON in a dialect, behind the id of its schema
	Avro
	Protobuf
)

// Encodings returns all of them.
func Encodings() []Encoding { return []Encoding{JSON, JSONSchema, Avro, Protobuf} }

// String returns the name that UnmarshalText takes.
func (e Encoding) String() string {
	switch e {
	case JSON:
		return "json"
	case JSONSchema:
		return "json-schema"
	case Avro:
		return "avro"
	case Protobuf:
		return "protobuf"
	default:
		return fmt.Sprintf("Encoding(%d)", uint8(e))
	}
}

// UnmarshalText lets flags hold an Encoding by its name.
func (e *Encoding) UnmarshalText(text []byte) error {
	var known []string
	for _, of := range Encodings() {
		if of.String() == string(text) {
			*e = of
			return nil
		}
		known = append(known, of.String())
	}
	return fmt.Errorf("%q is no format of records: use one of %s", text, strings.Join(known, ", "))
}

// Encoder writes rides as values of records. One goroutine at a time may use it. Use NewEncoder.
type Encoder struct {
	encoding Encoding
	dialect  schema.Dialect
	id       int // of the schema
	fields   []schema.Field
	numbers  schema.Decoder // checks decimals
	scratch  []byte
}

// NewEncoder registers the schema of an encoding under a subject, which changes nothing where it is registered already. JSON needs neither
// registry nor subject. dialect is for JSON and JSONSchema. Its errors are a *RefusedError and an *UnavailableError.
func NewEncoder(ctx context.Context, registry *Registry, subject string, encoding Encoding, dialect schema.Dialect) (*Encoder, error) {
	e := &Encoder{encoding: encoding, dialect: dialect, fields: schema.Fields()}
	s := sr.Schema{}
	switch encoding {
	case JSON:
		return e, nil
	case JSONSchema:
		s = sr.Schema{Type: sr.TypeJSON, Schema: jsonSchema(e.fields, dialect)}
	case Avro:
		s = sr.Schema{Type: sr.TypeAvro, Schema: avroRide(e.fields)}
	case Protobuf:
		s = sr.Schema{Type: sr.TypeProtobuf, Schema: protobufRide(e.fields)}
	}
	var err error
	e.id, err = registry.register(ctx, subject, s)
	return e, err
}

// AppendRide appends the value of a ride's record. A Decoder returns the same ride again, with its decimals as PostgreSQL prints them, and in
// schema.Minimal with its five fields only. It fails for what no decoder would take, naming the column: dst then comes back as it was.
//
// Avro and Protobuf have a type for each field, which fields that nobody declared have not: a ride with ExtraFields is an error there.
func (e *Encoder) AppendRide(dst []byte, ride *schema.Ride) (_ []byte, err error) {
	value := dst
	if e.encoding != JSON {
		value = appendFrame(dst, e.id)
	}
	switch e.encoding {
	case JSON, JSONSchema:
		if value, err = ride.AppendJSON(value, e.dialect); err != nil {
			return dst, fmt.Errorf("dialect %s: %w", e.dialect, err)
		}
	case Avro, Protobuf:
		if ride.ExtraFields != "" {
			return dst, fmt.Errorf("encode ride: it has fields that nobody declared, which the schema of %s has no place for: use json or json-schema, or leave them out", e.encoding)
		}
		if e.encoding == Avro {
			value, err = e.appendAvro(value, ride)
		} else {
			value, err = e.appendProtobuf(value, ride)
		}
	}
	if err != nil {
		return dst, err
	}
	return value, nil
}

// fieldValue is the value of one field as both binary formats have it.
type fieldValue struct {
	number int64  // of an integer; microseconds since 1970 of a time's clock, read as UTC
	text   []byte // of a text or a decimal, until the next one
}

// value returns the value of a field. The error names the column.
func (e *Encoder) value(f *schema.Field, ride *schema.Ride) (v fieldValue, null bool, err error) {
	switch field := f.Of(ride).(type) {
	case *schema.Null[time.Time]:
		if !field.Valid {
			return v, true, nil
		}
		v.number, err = clockMicros(field.Value)
	case *schema.Null[int32]:
		return fieldValue{number: int64(field.Value)}, !field.Valid, nil
	case *string:
		if *field == "" {
			return v, true, nil
		}
		err = schema.CheckText(*field)
		e.scratch = append(e.scratch[:0], *field...)
		v.text = e.scratch
	case *schema.Decimal:
		if *field == "" {
			return v, true, nil
		}
		e.scratch, err = e.numbers.AppendDecimal(e.scratch[:0], *field)
		v.text = e.scratch
	}
	if err != nil {
		return v, false, fmt.Errorf("encode ride: %s %w", f.Column, err)
	}
	return v, false, nil
}

// clockMicros returns the clock that t shows as microseconds since 1970, as if it were UTC.
func clockMicros(t time.Time) (int64, error) {
	year, month, day := t.Date()
	if year < 1 || year > 9999 {
		return 0, fmt.Errorf("is in the year %d: this format has years from 1 to 9999", year)
	}
	h, m, s := t.Clock()
	return time.Date(year, month, day, h, m, s, t.Nanosecond(), time.UTC).UnixMicro(), nil
}

// RefusedError says that the registry is there and does not take a schema.
type RefusedError struct {
	Subject string
	Why     string
}

// Error says what to do.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the schema registry refuses the schema for %s (%s): send to another topic, or see what the subject holds and its compatibility", e.Subject, e.Why)
}

// register returns the id of a schema under a subject.
func (r *Registry) register(ctx context.Context, subject string, s sr.Schema) (int, error) {
	id, err := r.client.RegisterSchema(ctx, subject, s, -1, -1)
	var answer *sr.ResponseError
	switch {
	case errors.As(err, &answer) && slices.Contains(refusals(), answer.StatusCode):
		return 0, &RefusedError{Subject: subject, Why: answered(answer)}
	case err != nil:
		return 0, r.unavailable(err)
	case id <= 0 || int(int32(id)) != id: // cut on purpose
		return 0, r.unavailable(fmt.Errorf("it answers with the id %d, which the wire format cannot hold", id))
	}
	return id, nil
}
