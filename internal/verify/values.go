package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ridesink/schema"
)

// values.go: values as COPY has them, as short text for people; and jsonb by value.

// form is how a column's values look in the binary format.
type form int

const (
	formInt8 form = iota
	formInt4
	formText
	formTimestamp
	formNumeric
	formJSONB
)

// rideColumn is a column of rides as the sink writes it.
type rideColumn struct {
	name string
	form form
}

// Columns that do not come from a record's value.
const (
	columnOffset    = "kafka_offset"
	columnTimestamp = "kafka_timestamp"
	columnPartition = "kafka_partition"
)

// rideColumns describes schema.Columns, in that order.
func rideColumns() []rideColumn {
	forms := map[string]form{
		"bigint": formInt8, "integer": formInt4, "text": formText, "numeric": formNumeric, "jsonb": formJSONB,
		"timestamp without time zone": formTimestamp, "timestamp with time zone": formTimestamp,
	}
	names := schema.Columns()
	columns := make([]rideColumn, 0, len(names))
	for _, name := range names {
		columns = append(columns, rideColumn{name: name, form: forms[schema.TypeOf(name)]})
	}
	return columns
}

// text prints a value, shortened; NULL for nil.
func (c rideColumn) text(value []byte) string {
	if value == nil {
		return "NULL"
	}
	switch {
	case c.form == formInt8 && len(value) == 8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(value)), 10) // the same bits
	case c.form == formInt4 && len(value) == 4:
		return strconv.FormatInt(int64(int32(binary.BigEndian.Uint32(value))), 10) // the same bits
	case c.form == formTimestamp && len(value) == 8:
		return timeText(int64(binary.BigEndian.Uint64(value))) // the same bits
	case c.form == formNumeric && len(value) >= 8:
		return shorten(numericText(value))
	case c.form == formJSONB && len(value) > 0:
		return shorten(string(value[1:]))
	}
	return shorten(strconv.Quote(string(value)))
}

// longestText is how much of a value is shown.
const longestText = 60

// shorten cuts a text, at the border of a character.
func shorten(s string) string {
	if len(s) <= longestText {
		return s
	}
	cut := longestText
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s... (%d bytes)", s[:cut], len(s))
}

// bytesText prints a few bytes of a value that may be anything.
func bytesText(b []byte) string {
	if b == nil {
		return "NULL"
	}
	const shown = 24
	if len(b) <= shown {
		return strconv.Quote(string(b))
	}
	return fmt.Sprintf("%q... (%d bytes)", b[:shown], len(b))
}

// timeText prints microseconds since 2000.
func timeText(micros int64) string {
	switch micros {
	case 1<<63 - 1:
		return "infinity"
	case -1 << 63:
		return "-infinity"
	}
	const unixToPostgres = 946_684_800
	seconds := micros / 1e6
	return time.Unix(seconds+unixToPostgres, (micros-seconds*1e6)*1000).UTC().Format("2006-01-02 15:04:05.999999")
}

// numericText prints a numeric with all its digits.
func numericText(value []byte) string {
	count, weight := int(binary.BigEndian.Uint16(value)), int(int16(binary.BigEndian.Uint16(value[2:]))) // the same bits
	sign, scale := binary.BigEndian.Uint16(value[4:]), int(binary.BigEndian.Uint16(value[6:]))
	const negative, nan, infinity, minusInfinity = 0x4000, 0xC000, 0xD000, 0xF000
	switch {
	case sign == nan:
		return "NaN"
	case sign == infinity:
		return "Infinity"
	case sign == minusInfinity:
		return "-Infinity"
	case len(value) != 8+2*count:
		return "a numeric that cannot be read"
	}
	digit := func(i int) uint16 { // of the base 10,000, counted from the first
		if i < 0 || i >= count {
			return 0
		}
		return binary.BigEndian.Uint16(value[8+2*i:])
	}
	var b strings.Builder
	if sign == negative {
		b.WriteByte('-')
	}
	if weight < 0 {
		b.WriteByte('0')
	}
	for i := 0; i <= weight; i++ {
		if i == 0 {
			fmt.Fprintf(&b, "%d", digit(i))
		} else {
			fmt.Fprintf(&b, "%04d", digit(i))
		}
	}
	if scale > 0 {
		var fraction strings.Builder
		for i := weight + 1; fraction.Len() < scale; i++ {
			fmt.Fprintf(&fraction, "%04d", digit(i))
		}
		b.WriteByte('.')
		b.WriteString(fraction.String()[:scale])
	}
	return b.String()
}

// sameJSON reports whether two values of jsonb are equal as PostgreSQL sees them: it orders keys, keeps the last of those that repeat,
// and writes numbers without exponents.
func sameJSON(a, b []byte) bool {
	if a == nil || b == nil || bytes.Equal(a, b) {
		return a == nil && b == nil || a != nil && b != nil
	}
	x, errX := readJSON(a)
	y, errY := readJSON(b)
	return errX == nil && errY == nil && sameValue(x, y)
}

// readJSON reads a jsonb in the binary format.
func readJSON(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b[min(1, len(b)):])) // behind the version
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func sameValue(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for key, value := range x {
			other, there := y[key]
			if !there || !sameValue(value, other) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameValue(x[i], y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := b.(json.Number)
		return ok && sameNumber(string(x), string(y))
	}
	return a == b
}

// sameNumber compares two numbers by value and scale: 1.50 is what arrived, 1.5 is not.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if scaleOf(a) != scaleOf(b) {
		return false
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}

// scaleOf is how many digits a number has behind the point once its exponent is written out, as numeric counts.
func scaleOf(number string) int {
	mantissa, exponent := number, 0
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		exponent, _ = strconv.Atoi(number[i+1:]) // JSON's notation; out of range is for neither side
	}
	_, fraction, _ := strings.Cut(mantissa, ".")
	return max(0, len(fraction)-exponent)
}
