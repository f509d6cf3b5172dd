package schema

import (
	"encoding/binary"
	"math/bits"
)

// quick.go: values in their usual shapes, eight bytes at a time. Before it layout.go. Each function reads the value of column c that begins
// at v[p] and returns its end, -1 if the general path must look at the record; each leaves other shapes to careful, which knows them all.

// careful reads a value of any shape.
func (d *Decoder) careful(p int, c uint8) int {
	end := d.scan.any(p, 1)
	if end < 0 || !d.scan.clean() || d.put(c, p, end) != "" {
		return -1
	}
	return end
}

// quickExtra copies a field nobody declared.
func (d *Decoder) quickExtra(p, name int) int {
	d.scan.nan = false
	end := d.scan.any(p, 1)
	if end < 0 || !d.scan.clean() || !d.addExtra(p-name, p, end, d.scan.nan) {
		return -1
	}
	return end
}

const (
	zeros   = '0' * everyByte
	aboveNi = (0x80 - 10) * everyByte // added to a byte it sets the high bit from 10 on
	lowBits = 0x7F * everyByte
)

// quickNumber reads up to seven digits, with a point or without, bare or quoted. It returns end -1 for anything else. It does not branch
// on where the point and the end are: in money that cannot be predicted.
func quickNumber(v []byte, p int) (coefficient uint64, scale uint16, negative bool, end int) {
	if p+10 > len(v) {
		return 0, 0, false, -1
	}
	quoted := v[p] == '"'
	if quoted {
		p++
	}
	if v[p] == '-' {
		negative = true
		p++
	}
	w := binary.LittleEndian.Uint64(v[p:])
	digits := w ^ zeros
	others := ((digits&lowBits + aboveNi) | digits) & highBits // the high bit of each byte that is no digit
	beyond := others & (others - 1)                            // without the first of them
	if beyond == 0 {
		return 0, 0, false, -1
	}
	whole := uint(bits.TrailingZeros64(others)) - 7 // in bits, as all widths here
	width, point := whole, uint(0)
	if byte(w>>(whole&63)) == '.' {
		width, point = uint(bits.TrailingZeros64(beyond))-7, 8
	}
	fraction := width - whole - point
	if whole == 0 || point > fraction || !quoted && whole > 8 && byte(digits) == 0 {
		return 0, 0, false, -1 // .5 and 5. and 007 are not JSON; rare in text
	}
	wholeMask := uint64(1)<<(whole&63) - 1
	digits = digits&wholeMask | digits>>(point&63)&^wholeMask // without the point
	coefficient = eightDigits(digits << ((64 - width + point) & 63))
	end = p + int(width/8) //nolint:gosec // below 8
	if quoted {
		if v[end] != '"' {
			return 0, 0, false, -1
		}
		end++
	}
	return coefficient, uint16(fraction / 8), negative && coefficient != 0, end //nolint:gosec // below 8
}

// eightDigits returns the number of which each byte is a digit, the first in the lowest.
func eightDigits(w uint64) uint64 {
	w = w*10 + w>>8 // pairs, in every second byte
	const pair = 0x000000FF000000FF
	return ((w&pair)*(1_000_000<<32+100) + (w>>16&pair)*(10_000<<32+1)) >> 32
}

func (d *Decoder) quickDecimal(v []byte, p int, c uint8) int {
	coefficient, scale, negative, end := quickNumber(v, p)
	if end < 0 {
		return d.careful(p, c)
	}
	d.slots[c] = slot{bits: coefficient, scale: scale, negative: negative}
	d.set |= 1 << c
	return end
}

func (d *Decoder) quickInteger(v []byte, p int, c uint8) int {
	i, scale, negative, end := quickNumber(v, p)
	if scale == 1 && i%10 == 0 { // a data frame's 1.0
		i, scale = i/10, 0
	}
	if end < 0 || scale != 0 {
		return d.careful(p, c)
	}
	if negative {
		i = -i
	}
	d.slots[c] = slot{bits: i}
	d.set |= 1 << c
	return end
}

// The bytes of "2020-07-01 00:25:32" and its closing quote in three words, with zeros for the digits, and where no digits are.
const (
	yearMonth      = zeros ^ ('0'^'-')<<32 ^ ('0'^'-')<<56
	yearMonthMarks = 0xFF<<32 | 0xFF<<56

	dayHourMinute      = zeros ^ ('0'^' ')<<16 ^ ('0'^':')<<40
	dayHourMinuteMarks = 0xFF<<16 | 0xFF<<40
	spaceToT           = (' ' ^ 'T') << 16

	secondQuote      = 0x30303030 ^ ('0' ^ ':') ^ ('0'^'"')<<24
	secondQuoteMarks = 0xFF | 0xFF<<24
)

// quickTime reads "2020-07-01 00:25:32", with T between too, alone or in a list.
func (d *Decoder) quickTime(v []byte, p int, c uint8) int {
	const length = len("2020-07-01 00:25:32")
	if p+length+5 > len(v) {
		return d.careful(p, c)
	}
	first, closing := p+1, 1
	if v[p] == '[' {
		first, closing = p+2, 2
	}
	if v[first-1] != '"' || closing == 2 && v[first+length+1] != ']' {
		return d.careful(p, c)
	}
	a := binary.LittleEndian.Uint64(v[first:]) ^ yearMonth
	b := binary.LittleEndian.Uint64(v[first+8:]) ^ dayHourMinute
	e := uint64(binary.LittleEndian.Uint32(v[first+16:]) ^ secondQuote)
	if v[first+10] == 'T' {
		b ^= spaceToT
	}
	notDigits := (a + aboveNi) | a | (b + aboveNi) | b | (e + aboveNi) | e
	if notDigits&highBits|a&yearMonthMarks|b&dayHourMinuteMarks|e&secondQuoteMarks != 0 {
		return d.careful(p, c)
	}
	midnight := d.midnight
	if a != d.yearMonth || b&0xFFFF != d.dayOfMonth {
		var ok bool
		pairs := a*10 + a>>8 // each two digits in the byte of the first
		year := 100*int(pairs&0xFF) + int(pairs>>16&0xFF)
		if midnight, ok = date(year, int(pairs>>40&0xFF), int((b*10+b>>8)&0xFF)); !ok {
			return -1
		}
		d.yearMonth, d.dayOfMonth, d.midnight = a, b&0xFFFF, midnight
	}
	pairs := b*10 + b>>8
	h, m, s := pairs>>24&0xFF, pairs>>48&0xFF, (e*10+e>>8)>>8&0xFF
	if h >= 24 || m >= 60 || s >= 60 {
		return -1
	}
	d.slots[c] = slot{bits: uint64(midnight) + h*hour + m*minute + s*second} //nolint:gosec // two's complement
	d.set |= 1 << c
	return first + length + closing
}

// quickText reads a text of up to seven bytes.
func (d *Decoder) quickText(v []byte, p int, c uint8) int {
	if p+9 > len(v) || v[p] != '"' {
		return d.careful(p, c)
	}
	first := p + 1
	w := binary.LittleEndian.Uint64(v[first:])
	special := notPlain(w)
	length := bits.TrailingZeros64(special) / 8
	if special == 0 || v[first+length] != '"' {
		return d.careful(p, c)
	}
	if length > 0 {
		d.slots[c] = slot{bits: span(first, first+length)}
		d.set |= 1 << c
	}
	return first + length + 1
}
