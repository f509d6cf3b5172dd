package schema

import (
	"encoding/binary"
	"math/bits"
)

// quick.go: values in their usual shapes, eight bytes at a time. Before it layout.go. Each function reads the value that begins at v[p] into
// a slot and returns its end; -1 if it has another shape, and then the slot holds nothing of use.

// careful reads a value of any shape into column c; -1 if the general path must look at the record.
func (d *Decoder) careful(p int, c uint8) int {
	hidden := d.scan.hidden
	end := d.scan.any(p, 1)
	d.scan.hidden = hidden // they count in extra_fields only
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
	zeroDigits = '0' * everyByte
	aboveNine  = (0x80 - 10) * everyByte // added to a byte it sets the high bit from 10 on
	lowBits    = 0x7F * everyByte
)

// quickNumbers reads a run of numbers, each with what is before it, as far as they have up to seven digits, with a point or without, bare or
// quoted. It returns where it stopped and how many steps it took. It does not branch on where the point and the end of a number are: in
// money that cannot be predicted. It is one long function because each ride passes here some sixteen times: calls would cost a third more.
func (d *Decoder) quickNumbers(v []byte, p int, steps []step) (next, done int) {
	for i := range steps {
		s := &steps[i]
		if s.kind != KindDecimal && s.kind != KindInteger {
			return p, i
		}
		first := p + len(s.before)
		if p+32 <= len(v) && len(s.before) <= 32 { // as begins, which is not inlined
			w := v[p : p+32]
			if (binary.LittleEndian.Uint64(w)^s.words[0])&s.masks[0]|
				(binary.LittleEndian.Uint64(w[8:])^s.words[1])&s.masks[1]|
				(binary.LittleEndian.Uint64(w[16:])^s.words[2])&s.masks[2]|
				(binary.LittleEndian.Uint64(w[24:])^s.words[3])&s.masks[3] != 0 {
				return p, i
			}
		} else if !s.begins(v, p) {
			return p, i
		}
		w := wordAt(v, first)
		quoted := byte(w) == '"'
		if quoted {
			first++
			w = wordAt(v, first)
		}
		negative := byte(w) == '-'
		if negative {
			first++
			w = wordAt(v, first)
		}
		digits := w ^ zeroDigits
		others := ((digits&lowBits + aboveNine) | digits) & highBits // the high bit of each byte that is no digit
		beyond := others & (others - 1)                              // without the first of them
		whole := uint(bits.TrailingZeros64(others)) - 7              // in bits, as all widths here
		width, point := whole, uint(0)
		if byte(w>>(whole&63)) == '.' {
			width, point = uint(bits.TrailingZeros64(beyond))-7, 8
		}
		fraction := width - whole - point
		if beyond == 0 || point > fraction || whole == 0 && (!quoted || point == 0) || !quoted && whole > 8 && byte(digits) == 0 {
			return p, i // too long, or 5., or nothing; .5 and 007 are only good in text
		}
		after := first + int(width/8) // below 8
		if quoted {
			if byte(w>>(width&63)) != '"' {
				return p, i
			}
			after++
		}
		wholeMask := uint64(1)<<(whole&63) - 1
		digits = digits&wholeMask | digits>>(point&63)&^wholeMask // without the point
		value := &d.slots[s.column%maxColumns]
		value.bits, value.scratch = eightDigits(digits<<((64-width+point)&63)), false
		value.scale, value.negative = uint16(fraction/8), negative && value.bits != 0 // below 8
		if s.kind == KindInteger && !value.makeInteger() {
			return p, i
		}
		p = after
	}
	return p, len(steps)
}

// makeInteger turns a decimal into an int, if it is one that needs no thought: 1 or a data frame's 1.0.
func (s *slot) makeInteger() bool {
	if s.scale == 1 && s.bits%10 == 0 {
		s.bits, s.scale = s.bits/10, 0
	}
	if s.negative {
		s.bits = -s.bits
	}
	return s.scale == 0
}

// wordAt returns eight bytes from p on, zeros for those behind the end.
func wordAt(v []byte, p int) uint64 {
	if p+8 <= len(v) {
		return binary.LittleEndian.Uint64(v[p:])
	}
	return lastWord(v, p)
}

func lastWord(v []byte, p int) uint64 {
	if len(v) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(v[len(v)-8:]) >> (8 * min(p+8-len(v), 8)) // 1 to 8
}

// quickValue reads the value of any step and returns its end, -1 if the general path must look at the record.
func (d *Decoder) quickValue(v []byte, p int, s *step) int {
	value := &d.slots[s.column%maxColumns]
	end := -1
	switch s.kind { //nolint:exhaustive // numbers were for quickNumbers, others do not arrive
	case KindTime:
		end = d.quickTime(v, p, value)
	case KindText:
		end = quickText(v, p, value)
	case kindExtra:
		return d.quickExtra(p, s.name)
	}
	if end < 0 {
		return d.careful(p, s.column)
	}
	return end
}

// eightDigits returns the number of which each byte is a digit, the first in the lowest.
func eightDigits(w uint64) uint64 {
	w = w*10 + w>>8 // pairs, in every second byte
	const pair = 0x000000FF000000FF
	return ((w&pair)*(1_000_000<<32+100) + (w>>16&pair)*(10_000<<32+1)) >> 32
}

// The bytes of "2020-07-01 00:25:32" and its closing quote in three words, with zeros for the digits, and where no digits are.
const (
	yearMonth      = zeroDigits ^ ('0'^'-')<<32 ^ ('0'^'-')<<56
	yearMonthMarks = 0xFF<<32 | 0xFF<<56

	dayHourMinute      = zeroDigits ^ ('0'^' ')<<16 ^ ('0'^':')<<40
	dayHourMinuteMarks = 0xFF<<16 | 0xFF<<40
	spaceToT           = (' ' ^ 'T') << 16

	secondQuote      = 0x30303030 ^ ('0' ^ ':') ^ ('0'^'"')<<24
	secondQuoteMarks = 0xFF | 0xFF<<24
)

// quickTime reads "2020-07-01 00:25:32", with T between too, alone or in a list.
func (d *Decoder) quickTime(v []byte, p int, s *slot) int {
	const length = len("2020-07-01 00:25:32")
	if p+length+5 > len(v) {
		return -1
	}
	first, closing := p+1, 1
	if v[p] == '[' {
		first, closing = p+2, 2
	}
	if v[first-1] != '"' || closing == 2 && v[first+length+1] != ']' {
		return -1
	}
	a := binary.LittleEndian.Uint64(v[first:]) ^ yearMonth
	b := binary.LittleEndian.Uint64(v[first+8:]) ^ dayHourMinute
	e := uint64(binary.LittleEndian.Uint32(v[first+16:]) ^ secondQuote)
	if v[first+10] == 'T' {
		b ^= spaceToT
	}
	notDigits := (a + aboveNine) | a | (b + aboveNine) | b | (e + aboveNine) | e
	if notDigits&highBits|a&yearMonthMarks|b&dayHourMinuteMarks|e&secondQuoteMarks != 0 {
		return -1
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
	hours, minutes, seconds := pairs>>24&0xFF, pairs>>48&0xFF, (e*10+e>>8)>>8&0xFF
	if hours >= 24 || minutes >= 60 || seconds >= 60 {
		return -1
	}
	s.bits = uint64(midnight) + hours*hour + minutes*minute + seconds*second // two's complement
	return first + length + closing
}

// quickText reads a text of one to seven bytes.
func quickText(v []byte, p int, s *slot) int {
	if p+9 > len(v) || v[p] != '"' {
		return -1
	}
	first := p + 1
	special := notPlain(binary.LittleEndian.Uint64(v[first:]))
	next := first + bits.TrailingZeros64(special)/8
	if special == 0 || next == first || v[next] != '"' {
		return -1
	}
	s.bits, s.scratch = span(first, next), false
	return next + 1
}
