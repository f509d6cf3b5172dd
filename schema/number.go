package schema

import "math"

// number.go: the notations of numbers, 1, 1.0, .30, -4.5, 1e3, without ever expanding what is too wide. Before it value.go.

// maxDigits is how many digits a number may have, written out without an exponent.
const maxDigits = 1000

// smallDigits is how many digits always fit a slot's coefficient.
const smallDigits = 18

// number is the text of a number, cut into its parts.
type number struct {
	negative        bool
	whole, fraction []byte
	exponent        int // at most maxExponent in size, which is out of range in any case
}

const maxExponent = 1 << 40

// parseNumber reads JSON's notation and what CSV files have besides: a plus sign, leading zeros, no digit before or behind the point.
func parseNumber(text []byte) (n number, ok bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		n.negative = text[0] == '-'
		text = text[1:]
	}
	n.whole, text = leadingDigits(text)
	if len(text) > 0 && text[0] == '.' {
		n.fraction, text = leadingDigits(text[1:])
	}
	if len(n.whole)+len(n.fraction) == 0 {
		return number{}, false
	}
	if len(text) > 0 && text[0]|0x20 == 'e' {
		n.exponent, text, ok = parseExponent(text[1:])
		if !ok {
			return number{}, false
		}
	}
	return n, len(text) == 0
}

func leadingDigits(text []byte) (digits, rest []byte) {
	i := 0
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return text[:i], text[i:]
}

func parseExponent(text []byte) (exponent int, rest []byte, ok bool) {
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	digits, rest := leadingDigits(text)
	for _, c := range digits {
		exponent = min(exponent*10+int(c-'0'), maxExponent)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, rest, len(digits) > 0
}

// digit returns the i-th digit of whole and fraction together.
func (n *number) digit(i int) byte {
	if i < len(n.whole) {
		return n.whole[i]
	}
	return n.fraction[i-len(n.whole)]
}

// extent measures the number: zeros that lead, digits that follow them, digits behind the point (negative: zeros to append).
func (n *number) extent() (zeros, digits, scale int) {
	all := len(n.whole) + len(n.fraction)
	for zeros < all && n.digit(zeros) == '0' {
		zeros++
	}
	return zeros, all - zeros, len(n.fraction) - n.exponent
}

// wide says that the number has more than maxDigits digits when written out.
func (n *number) wide() bool {
	_, digits, scale := n.extent()
	if digits == 0 {
		return scale > maxDigits
	}
	return max(digits-scale, 0)+max(scale, 0) > maxDigits
}

// decimal puts a number into a slot. Digits that do not fit the coefficient go to the scratch buffer.
func (d *Decoder) decimal(text []byte) (slot, Reason) {
	n, ok := parseNumber(text)
	if !ok {
		return slot{}, ReasonWrongType
	}
	zeros, digits, scale := n.extent()
	if n.wide() {
		return slot{}, ReasonOutOfRange
	}
	s := slot{negative: n.negative && digits > 0, scale: uint16(max(scale, 0))} // at most maxDigits
	if digits == 0 {
		return s, ""
	}
	end := zeros + digits
	trailing := max(-scale, 0)
	if digits+trailing <= smallDigits {
		for i := zeros; i < end; i++ {
			s.bits = s.bits*10 + uint64(n.digit(i)-'0')
		}
		s.bits *= powersOfTen[trailing]
		return s, ""
	}
	first := len(d.scratch)
	for i := zeros; i < end; i++ {
		d.scratch = append(d.scratch, n.digit(i))
	}
	for range trailing {
		d.scratch = append(d.scratch, '0')
	}
	s.bits, s.scratch = span(first, len(d.scratch)), true
	return s, ""
}

// powersOfTen are those that fit 64 bits.
var powersOfTen = func() (powers [smallDigits + 2]uint64) { //nolint:gochecknoglobals // read only
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = 10 * powers[i-1]
	}
	return powers
}()

// appendDigits appends the digits of a decimal, without leading zeros; none for 0.
func (d *Decoder) appendDigits(dst []byte, s slot) []byte {
	if s.scratch {
		return append(dst, s.in(d.scratch)...)
	}
	var digits [20]byte
	i := len(digits)
	for c := s.bits; c > 0; c /= 10 {
		i--
		digits[i] = byte('0' + c%10)
	}
	return append(dst, digits[i:]...)
}

// integer puts a number into the slot of an int column: 1 and 1.0 are integers, 1.5 is not.
func (d *Decoder) integer(text []byte) (slot, Reason) {
	s, reason := d.decimal(text)
	if reason != "" {
		return slot{}, reason
	}
	var buffer [32]byte
	digits := d.appendDigits(buffer[:0], s)
	whole := max(len(digits)-int(s.scale), 0)
	for _, c := range digits[whole:] {
		if c != '0' {
			return slot{}, ReasonWrongType
		}
	}
	if whole > len("2147483648") {
		return slot{}, ReasonOutOfRange
	}
	var i int64
	for _, c := range digits[:whole] {
		i = i*10 + int64(c-'0')
	}
	if s.negative {
		i = -i
	}
	if i < math.MinInt32 || i > math.MaxInt32 {
		return slot{}, ReasonOutOfRange
	}
	return slot{bits: uint64(i)}, "" // the sign comes back in row.go
}
