package serde

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"ridesink/schema"
)

// json_text.go: JSON as the readers of all formats append it. Texts and numbers only; objects and lists are written where they are read.

// mostText is how much JSON a value of so many bytes may become. A few bytes can stand for a long list of nothing; names of fields, which the value
// does not have, make thirty bytes of one. extra_fields holds no more than the last.
func mostText(bytes int) int { return min(64<<10+32*bytes, 16<<20) }

// maxNesting is how deep a value may be nested, as in JSON.
const maxNesting = 64

const hexDigits = "0123456789abcdef"

// appendText appends text as a JSON string. Bytes that are no UTF-8 stay as they are: the decoder names them.
func appendText(dst, text []byte) []byte {
	dst = append(dst, '"')
	for begin, i := 0, 0; ; i++ {
		if i+8 <= len(text) && ordinary(binary.LittleEndian.Uint64(text[i:])) {
			i += 7
			continue
		}
		if i >= len(text) {
			return append(append(dst, text[begin:]...), '"')
		}
		switch c := text[i]; {
		case c == '"', c == '\\':
			dst = append(append(dst, text[begin:i]...), '\\', c)
			begin = i + 1
		case c < ' ':
			dst = append(append(dst, text[begin:i]...), '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			begin = i + 1
		}
	}
}

// ordinary says that none of eight bytes is a quote, a backslash or a control character; it may be wrong about bytes that are not ASCII.
func ordinary(w uint64) bool {
	const every, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^('"'*every), w^('\\'*every)
	return (w|(w-' '*every)|(quote-every)|(backslash-every))&high == 0
}

// appendBase64 appends bytes as a JSON string in base64, as Kafka Connect's JSON has them.
func appendBase64(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

// appendFloat appends the shortest decimal that is this number. NaN is the token that the decoder takes for a missing value; the infinities
// are texts, which no column of numbers holds.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) { // as JSON.stringify
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

// problem is a value that is not as its schema says, or more than a row can be.
func problem(reason schema.Reason, words string) *schema.DecodeError {
	return &schema.DecodeError{Reason: reason, Problem: words, Position: schema.NoPosition}
}

func tooLong() *schema.DecodeError {
	return problem(schema.ReasonTooLarge, "written as JSON it is more than 32 times as long and longer than 64 KiB, or longer than 16 MiB")
}

func tooDeep() *schema.DecodeError { return problem(schema.ReasonTooLarge, "nested deeper than 64") }
