package serde

import (
	"math/big"
	"strconv"
	"time"

	"github.com/twmb/avro"

	"ridesink/schema"
)

// avro_logical.go: Avro's logical types (Avro specification 1.12, "Logical Types"). Instants and local timestamps both become a wall clock: an
// instant is the clock that UTC shows then, as an epoch number in JSON is. They are written as text, whose unit nobody must guess.

// logicalType is what a type means beyond how it is written.
type logicalType uint8

const (
	notLogical logicalType = iota
	decimalType
	dateType
	midnightType // a date where a time is wanted
	millisType   // timestamp-millis, local-timestamp-millis
	microsType
	nanosType
	timeMillisType // of a day
	timeMicrosType
	uuidType // fixed; a string is what it is
)

// maxScale is as many digits as numbers may have in JSON.
const maxScale = 1000

// maxUnscaled is how many bytes 1,000 digits need, and some more.
const maxUnscaled = 420

// logicalOf returns the logical type of a node. One that is unknown, or on a type where the specification does not have it, means nothing.
func logicalOf(n *avro.SchemaNode) logicalType {
	switch n.Type + " " + n.LogicalType {
	case "bytes decimal", "fixed decimal":
		return decimalType
	case "int date":
		return dateType
	case "int time-millis":
		return timeMillisType
	case "long time-micros":
		return timeMicrosType
	case "long timestamp-millis", "long local-timestamp-millis":
		return millisType
	case "long timestamp-micros", "long local-timestamp-micros":
		return microsType
	case "long timestamp-nanos", "long local-timestamp-nanos":
		return nanosType
	case "fixed uuid":
		return uuidType
	}
	return notLogical
}

func (r *avroReader) readLogical(dst []byte, t *avroType) []byte {
	switch t.logical {
	case decimalType:
		if t.kind == avroFixed {
			return r.appendDecimal(dst, r.take(t.size), t.scale)
		}
		return r.appendDecimal(dst, r.counted(), t.scale)
	case uuidType:
		return r.appendUUID(dst, r.take(t.size))
	case notLogical:
		return dst
	default:
		return r.appendClock(dst, r.varint(), t.logical)
	}
}

func (r *avroReader) appendDecimal(dst, unscaled []byte, scale int) []byte {
	if r.bad != nil {
		return dst
	}
	if len(unscaled) > maxUnscaled {
		r.fail(tooManyDigits())
		return dst
	}
	return appendDecimal(dst, unscaled, scale)
}

func tooManyDigits() *schema.DecodeError {
	return problem(schema.ReasonOutOfRange, "a decimal with more than 1,000 digits")
}

// appendDecimal appends an integer in two's complement, big-endian, of at most maxUnscaled bytes, with its last digits behind the point.
func appendDecimal(dst, unscaled []byte, scale int) []byte {
	var text []byte
	var buffer [24]byte
	if len(unscaled) <= 8 {
		var i int64
		for at, b := range unscaled {
			if at == 0 {
				i = int64(int8(b)) // with its sign
				continue
			}
			i = i<<8 | int64(b)
		}
		text = strconv.AppendInt(buffer[:0], i, 10)
	} else {
		n := new(big.Int).SetBytes(unscaled)
		if unscaled[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(unscaled)))) // the length is bounded
		}
		text = n.Append(nil, 10)
	}
	if text[0] == '-' {
		dst, text = append(dst, '-'), text[1:]
	}
	if scale == 0 {
		return append(dst, text...)
	}
	whole := len(text) - scale
	if whole > 0 {
		dst, text = append(dst, text[:whole]...), text[whole:]
	} else {
		dst = append(dst, '0')
	}
	dst = append(dst, '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

// appendClock appends a date, a time of day or a wall clock as text. Years before 1 and after 9999 are none of a ride.
func (r *avroReader) appendClock(dst []byte, n int64, as logicalType) []byte {
	const dayMillis, dayMicros = 86_400_000, 86_400_000_000
	var at time.Time
	layout := `"2006-01-02 15:04:05.999999"`
	switch as {
	case dateType:
		at, layout = time.Unix(n*86_400, 0), `"2006-01-02"`
	case midnightType:
		at = time.Unix(n*86_400, 0)
	case timeMillisType, timeMicrosType:
		unit := int64(dayMicros)
		if as == timeMillisType {
			unit = dayMillis
		}
		if n < 0 || n >= unit {
			r.fail(problem(schema.ReasonBadTime, "a time of day that no day has"))
			return dst
		}
		at, layout = time.UnixMicro(n*(dayMicros/unit)), `"15:04:05.999999"`
	case millisType:
		at = time.UnixMilli(n)
	case microsType:
		at = time.UnixMicro(n)
	case nanosType:
		at = time.Unix(0, n)
	case notLogical, decimalType, uuidType:
	}
	if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 {
		r.fail(problem(schema.ReasonBadTime, "a time outside of the years 1 to 9999"))
		return dst
	}
	return at.AppendFormat(dst, layout)
}

func (r *avroReader) appendUUID(dst, b []byte) []byte {
	if r.bad != nil || len(b) != 16 {
		return appendBase64(dst, b)
	}
	dst = append(dst, '"')
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, '"')
}
