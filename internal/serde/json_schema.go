package serde

import (
	"encoding/json"
	"fmt"

	"ridesink/schema"
)

// json_schema.go: the JSON Schema of a dialect. The value itself is schema's JSON, behind the id.

// CheckDialect finds a dialect that an encoding cannot have: readers of JSON Schema refuse the NaN of schema.GreenFrame.
func CheckDialect(encoding Encoding, dialect schema.Dialect) error {
	if encoding == JSONSchema && dialect == schema.GreenFrame {
		return fmt.Errorf("--format %s does not go with --dialect %s: a missing number is NaN there, which is no JSON", encoding, dialect)
	}
	return nil
}

// jsonSchema returns the schema (draft 7) of what a dialect writes. Nothing is required and more is allowed: which fields a ride has is for the ride, and
// fields that nobody declared come along.
func jsonSchema(fields []schema.Field, dialect schema.Dialect) string {
	properties := map[string]any{}
	for i := range fields {
		for _, name := range dialect.NamesOf(&fields[i]) {
			properties[name] = propertyOf(fields[i].Kind, dialect)
		}
	}
	text, _ := json.Marshal(map[string]any{ // always can be
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "Ride", "type": "object", "properties": properties,
	})
	return string(text)
}

// propertyOf describes a value of a kind in a dialect.
func propertyOf(kind schema.Kind, dialect schema.Dialect) map[string]any {
	orNull := func(of string) map[string]any { return map[string]any{"type": []string{of, "null"}} }
	switch {
	case dialect == schema.GreenCSV:
		return map[string]any{"type": "string"}
	case kind == schema.KindTime && dialect == schema.Snake:
		return map[string]any{"type": []string{"array", "null"}, "items": map[string]any{"type": "string"}, "minItems": 1, "maxItems": 1}
	case kind == schema.KindTime && dialect == schema.Java:
		return map[string]any{"type": []string{"array", "null"}, "items": map[string]any{"type": "integer"}, "minItems": 5, "maxItems": 7}
	case kind == schema.KindTime && dialect == schema.Minimal, kind == schema.KindDecimal && dialect != schema.Snake:
		return orNull("number")
	case kind == schema.KindInteger && dialect != schema.Snake:
		return orNull("integer")
	}
	return orNull("string")
}
