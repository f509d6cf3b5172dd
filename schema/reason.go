package schema

import "fmt"

// reason.go: why a record is no ride.

// Reason is the code under which a record that is no ride is counted and kept. The set is small and stable: metrics and queries use it.
type Reason string

// Reasons of this package, and those that others need beside them.
const (
	ReasonInvalidJSON   Reason = "invalid_json"         // not JSON: cut off, garbage behind it, empty
	ReasonNotAnObject   Reason = "not_an_object"        // JSON, but not an object
	ReasonNoKnownField  Reason = "no_known_field"       // an object, but of something else
	ReasonWrongType     Reason = "wrong_type"           // a value that its column cannot hold, or two that contradict each other
	ReasonOutOfRange    Reason = "out_of_range"         // a number too large, or with more than 1,000 digits
	ReasonBadTime       Reason = "bad_time"             // a time that is none, or in another zone than New York's
	ReasonBadText       Reason = "bad_text"             // bad UTF-8, half a surrogate pair, or NUL, anywhere in the record
	ReasonTooLarge      Reason = "too_large"            // nested deeper than 64, or more undeclared fields than jsonb holds
	ReasonUnknownSchema Reason = "unknown_schema"       // written with a schema that cannot be had
	ReasonBadAvro       Reason = "invalid_avro"         // not what its Avro schema says: cut off, bytes behind it, a length that cannot be
	ReasonBadProtobuf   Reason = "invalid_protobuf"     // not a message of its Protobuf schema
	ReasonBadCSV        Reason = "invalid_csv"          // not as many values as there are columns, or a quote that does not end
	ReasonRejected      Reason = "rejected_by_database" // decoded, but PostgreSQL refused the row
)

// Reasons returns all of them.
func Reasons() []Reason {
	return []Reason{
		ReasonInvalidJSON, ReasonNotAnObject, ReasonNoKnownField, ReasonWrongType, ReasonOutOfRange,
		ReasonBadTime, ReasonBadText, ReasonTooLarge, ReasonUnknownSchema, ReasonBadAvro, ReasonBadProtobuf, ReasonBadCSV, ReasonRejected,
	}
}

// NoPosition is the position of a problem in a value that is not JSON.
const NoPosition = -1

// DecodeError says why a record is no ride and where in its value that shows. It holds nothing of the value but the id of its schema, so it can
// be logged.
type DecodeError struct {
	Reason   Reason
	Field    string // column, extra_fields for a field nobody declared, "" for the record as a whole
	Position int    // byte of the value, from 0, or NoPosition
	Problem  string // in words
}

// Error says it in one line.
func (e *DecodeError) Error() string {
	text := fmt.Sprintf("%s: %s", e.Reason, e.Problem)
	if e.Field != "" {
		text = fmt.Sprintf("%s: %s %s", e.Reason, e.Field, e.Problem)
	}
	if e.Position == NoPosition {
		return text
	}
	return fmt.Sprintf("%s, at byte %d", text, e.Position)
}

// problem describes a reason that concerns one field's value.
func (r Reason) problem() string {
	switch r { // the others concern the record as a whole
	case ReasonOutOfRange:
		return "is a number out of its range or with more than 1,000 digits"
	case ReasonBadTime:
		return "is not a time of New York's wall clock"
	case ReasonTooLarge:
		return "is too large for jsonb"
	default:
		return "has a value that its column cannot hold"
	}
}
