package serde

import (
	"bytes"
	"context"
	"encoding/json"

	"ridesink/schema"
)

// decoder.go: a record's value in any format becomes a row or a ride. Plain JSON goes straight on to schema, which is as fast as without this
// package.

// Formats say how values are to be read, and make Decoders. The zero value reads JSON, and refuses what is in the registry's wire format.
type Formats struct {
	// Registry knows the schemas of framed values, nil for none. JSON behind a schema's id is read without one.
	Registry *Registry
	// CSVColumns are the names of comma-separated values, nil where values are not such. CheckCSVColumns checks them.
	CSVColumns []string
}

// Decoder is a schema.Decoder for all formats. One goroutine at a time may use it. Use NewDecoder.
type Decoder struct {
	rides    *schema.Decoder
	registry *Registry
	csv      csvColumns
	json     []byte // the value at hand, where it was not JSON

	// The schema of the value before.
	id   int
	last transcoder
}

// NewDecoder returns a Decoder that has seen nothing yet.
func (f Formats) NewDecoder() *Decoder {
	d := &Decoder{rides: schema.NewDecoder(), registry: f.Registry}
	if f.CSVColumns != nil {
		d.csv = newCSVColumns(f.CSVColumns)
	}
	return d
}

// AppendRow is schema.Decoder's for all formats. It may ask the registry, once for each schema: besides a *schema.DecodeError, for which dst comes
// back as it was, it returns an *UnavailableError, after which the same record can be tried again.
func (d *Decoder) AppendRow(ctx context.Context, dst []byte, at schema.Coordinates, value []byte) ([]byte, error) {
	text, err := d.text(ctx, value)
	if err != nil {
		return dst, err
	}
	row, err := d.rides.AppendRow(dst, at, text)
	d.release()
	return row, d.placeless(err, value, text)
}

// Ride decodes value by the same rules as AppendRow.
func (d *Decoder) Ride(ctx context.Context, value []byte) (schema.Ride, error) {
	text, err := d.text(ctx, value)
	if err != nil {
		return schema.Ride{}, err
	}
	ride, err := d.rides.Ride(text)
	d.release()
	return ride, d.placeless(err, value, text)
}

// Shown returns what stands in a key, or a value, in the registry's wire format as JSON; nil for all else, and for what cannot be read: a key never
// makes a record bad.
func (d *Decoder) Shown(ctx context.Context, b []byte) json.RawMessage {
	if !Framed(b) {
		return nil
	}
	text, err := d.text(ctx, b)
	if err != nil || !json.Valid(text) {
		return nil
	}
	return bytes.Clone(text)
}

// text returns value as JSON: itself, or what it becomes.
func (d *Decoder) text(ctx context.Context, value []byte) ([]byte, error) {
	of := transcoder(d.csv)
	switch {
	case Framed(value):
		id, payload, ok := unframe(value)
		if !ok {
			return nil, problem(schema.ReasonUnknownSchema, "it ends inside the id of its schema")
		}
		if value = payload; d.registry == nil {
			return d.unregistered(payload)
		}
		if id != d.id || d.last == nil {
			found, err := d.registry.transcoder(ctx, id)
			if err != nil {
				return nil, err
			}
			d.id, d.last = id, found
		}
		of = d.last
	case d.csv == nil:
		return value, nil
	}
	var bad *schema.DecodeError
	if d.json, bad = of.appendJSON(d.json[:0], value); bad != nil {
		d.release()
		return nil, bad
	}
	return d.json, nil
}

// unregistered reads a framed value without a registry: JSON behind the id can be nothing else.
func (d *Decoder) unregistered(payload []byte) ([]byte, error) {
	if len(payload) > 0 && payload[0] == '{' && payload[len(payload)-1] == '}' {
		return payload, nil
	}
	return nil, problem(schema.ReasonUnknownSchema, "it names a schema of a schema registry, and --schema-registry-url is not set")
}

// placeless takes the position out of an error about JSON that is not the value itself.
func (d *Decoder) placeless(err error, value, text []byte) error {
	bad, is := err.(*schema.DecodeError) //nolint:errorlint // schema returns it as it is
	if !is || len(text) == 0 || len(value) > 0 && &text[0] == &value[0] {
		return err
	}
	without := *bad
	without.Position = schema.NoPosition
	return &without
}

// keptBytes is as much of the JSON of a value as is kept for the next.
const keptBytes = 64 << 10

// release lets go of a huge value.
func (d *Decoder) release() {
	if cap(d.json) > keptBytes {
		d.json = nil
	}
}
