package schema

import (
	"fmt"
	"slices"
	"strings"
)

// dialect.go: the ways in which producers write rides. encode.go writes them; the decoder tells them apart by nothing, it reads each value
// as it comes.

// Dialect is a way of writing a ride as JSON.
type Dialect uint8

// Dialects, with an example of what is theirs.
const (
	TLC        Dialect = iota + 1 // "VendorID":1, "tpep_pickup_datetime":"2020-07-01 00:25:32"
	Snake                         // "vendor_id":"1", "tpep_pickup_datetime":["2020-07-01 00:25:32"]
	Minimal                       // five fields, "tpep_pickup_datetime":1593563132000
	GreenCSV                      // "VendorID":"1", "ehail_fee":""
	GreenFrame                    // "VendorID":1.0, "ehail_fee":NaN
	Java                          // "VendorID":1, "tpep_pickup_datetime":[2020,7,1,0,25,32]; what is missing is left out
)

// Dialects returns all of them.
func Dialects() []Dialect { return []Dialect{TLC, Snake, Minimal, GreenCSV, GreenFrame, Java} }

// String returns the name that ParseDialect takes.
func (d Dialect) String() string {
	switch d {
	case TLC:
		return "tlc"
	case Snake:
		return "snake"
	case Minimal:
		return "minimal"
	case GreenCSV:
		return "green-csv"
	case GreenFrame:
		return "green-frame"
	case Java:
		return "java"
	default:
		return fmt.Sprintf("Dialect(%d)", uint8(d))
	}
}

// ParseDialect returns the dialect of that name.
func ParseDialect(s string) (Dialect, error) {
	all := Dialects()
	if i := slices.IndexFunc(all, func(d Dialect) bool { return d.String() == s }); i >= 0 {
		return all[i], nil
	}
	known := make([]string, 0, len(all))
	for _, d := range all {
		known = append(known, d.String())
	}
	return 0, fmt.Errorf("%q is no dialect: use one of %s", s, strings.Join(known, ", "))
}

// MarshalText and UnmarshalText let flags and JSON hold a Dialect by its name.
func (d Dialect) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDialect.
func (d *Dialect) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDialect(string(text))
	return err
}

// fieldName returns the name under which the dialect writes a column of a ride.
func (d Dialect) fieldName(c *column, taxiType string) string {
	switch {
	case taxiType == yellowTaxi.text() && c.yellow != "":
		return c.yellow
	case taxiType == greenTaxi.text() && c.green != "":
		return c.green
	case d == Snake && c.snake != "":
		return c.snake
	case d != Snake && c.tlc != "":
		return c.tlc
	}
	return c.name
}

// NamesOf returns the names under which the dialect writes a field, one for each type of taxi that has its own; none if it never writes the field.
func (d Dialect) NamesOf(f *Field) []string {
	if d == Minimal && !f.column.minimal {
		return nil
	}
	var names []string
	for _, t := range []taxi{noTaxi, yellowTaxi, greenTaxi} {
		if name := d.fieldName(f.column, t.text()); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// writesMissing says that the dialect writes a field of which the ride has no value.
func (d Dialect) writesMissing(c *column, taxiType string) bool {
	switch d {
	case TLC, Snake:
		if taxiType == greenTaxi.text() {
			return c.files&greenFile != 0
		}
		return c.files&yellowFile != 0
	case GreenCSV, GreenFrame:
		return c.files&greenFile != 0
	case Minimal:
		return c.minimal
	case Java:
		return false
	}
	return false
}

// missing returns how the dialect writes no value.
func (d Dialect) missing(kind Kind) string {
	switch {
	case d == GreenCSV:
		return `""`
	case d == GreenFrame && (kind == KindInteger || kind == KindDecimal):
		return "NaN"
	default:
		return "null"
	}
}
