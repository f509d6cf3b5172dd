package schema

import "encoding/binary"

// numeric.go: decimals in PostgreSQL's binary numeric: int16 number of digits to the base 10,000, int16 weight of the first, sign, scale,
// digits. No zeros lead or trail, as PostgreSQL itself keeps them. Before it number.go; row.go puts it into a row.

const (
	numericScale  = 6                                     // where the scale is
	numericDigits = 8                                     // where the digits begin
	numericBuffer = numericDigits + 2*(maxDigits/4+2) + 8 // enough for every decimal, and for what putNumeric writes too much
	negativeSign  = 0x4000
)

// quickNumeric bounds the coefficients that putNumeric can write: with a scale of at most 4 the whole part is below 10^8.
const quickNumeric = 100_000_000

// putNumeric writes a decimal with a coefficient below quickNumeric and a scale of at most 4, and returns its length. It writes up to
// 14 bytes whatever the length, and does not branch on the digits, which are different in every ride.
func putNumeric(b []byte, s slot) int {
	scaled := s.bits * powersOfTen[(4-s.scale)&7] // below 10^12: whole part before, four digits behind the point
	whole, fraction := scaled/10_000, scaled%10_000
	high, low := whole/10_000, whole%10_000
	// Three digits, of which the first ones and the last ones may be 0 and then must not be there.
	three := high<<32 | low<<16 | fraction
	hasHigh, hasWhole, hasFraction := notZero(high), notZero(whole), notZero(fraction)
	weight := hasHigh + hasWhole - 1 // 1, 0 or -1
	if three == 0 {
		weight = 0
	}
	leading := 1 + hasHigh + hasWhole // 3, 2 or 1 digits from the first that is not 0
	last := leading
	if hasFraction == 0 {
		last = leading - 1
		if low == 0 && hasWhole == 1 {
			last = 1 // 10,000 or 250,000,000: only the first digit is not 0
		}
	}
	var sign uint64
	if s.negative {
		sign = negativeSign
	}
	binary.BigEndian.PutUint64(b, last<<48|(weight&0xFFFF)<<32|sign<<16|uint64(s.scale))
	binary.BigEndian.PutUint64(b[numericDigits:], three<<(16*(4-leading)))
	return numericDigits + 2*int(last) //nolint:gosec // 0 to 3
}

// notZero returns 1 unless x is 0.
func notZero(x uint64) uint64 { return (x | -x) >> 63 }

// appendNumeric appends any decimal.
func (d *Decoder) appendNumeric(dst []byte, s slot) []byte {
	var buffer [maxDigits + 4]byte
	digits := d.appendDigits(buffer[:0], s)
	head := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.scale))
	if len(digits) == 0 {
		return dst
	}
	// Digits to the base 10,000 are aligned at the point, so the first takes 1 to 4 of ours.
	whole := len(digits) - int(s.scale) // negative: zeros between the point and the first digit
	weight := floorDiv(whole-1, 4)
	take := whole - 4*weight
	last := 0
	for count := 1; len(digits) > 0; count++ {
		group := uint16(0)
		for i := range take {
			group *= 10
			if i < len(digits) {
				group += uint16(digits[i] - '0')
			}
		}
		digits = digits[min(take, len(digits)):]
		take = 4
		dst = binary.BigEndian.AppendUint16(dst, group)
		if group != 0 {
			last = count
		}
	}
	dst = dst[:head+numericDigits+2*last]
	binary.BigEndian.PutUint16(dst[head:], uint16(last))     //nolint:gosec // at most 252
	binary.BigEndian.PutUint16(dst[head+2:], uint16(weight)) //nolint:gosec // two's complement is meant
	if s.negative {
		binary.BigEndian.PutUint16(dst[head+4:], negativeSign)
	}
	return dst
}

// floorDiv divides towards minus infinity.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
