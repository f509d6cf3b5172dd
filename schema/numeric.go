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

// putNumerics writes the decimals of a row from column c on into b[n:], as far as they are below 10,000 with at most four digits behind the
// point: that is one digit to the base 10,000 on each side. It returns where it stopped, and at which column. It does not branch on the
// digits, which are different in every ride.
func (d *Decoder) putNumerics(b []byte, n, c int) (next, column int) {
	for ; c < len(kinds) && kinds[c] == KindDecimal; c++ {
		w := (*[16]byte)(b[n:])
		if d.set>>c&1 == 0 {
			binary.BigEndian.PutUint32(w[:], null)
			n += 4
			continue
		}
		s := &d.slots[c%maxColumns]
		if s.bits >= 100_000_000 || s.scale > 4 || s.scratch {
			break
		}
		scaled := s.bits * powersOfTen[4-s.scale]
		whole := scaled / 10_000
		if whole >= 10_000 {
			break
		}
		digits := whole<<16 | (scaled - whole*10_000)
		noWhole, some := 1-notZero(whole), notZero(digits)
		count := 1 - noWhole + notZero(digits&0xFFFF)
		weight := -(noWhole & some) & 0xFFFF // of the first digit: 0, or -1 if it is behind the point
		head := count<<48 | weight<<32 | uint64(s.scale)
		if s.negative {
			head |= negativeSign << 16
		}
		length := numericDigits + 2*count
		binary.BigEndian.PutUint32(w[:], uint32(length)) // 8 to 12
		binary.BigEndian.PutUint64(w[4:], head)
		binary.BigEndian.PutUint32(w[4+numericDigits:], uint32(digits<<(16*noWhole&63))) // two digits
		n += 4 + int(length)                                                             // 12 to 16
	}
	return n, c
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
	binary.BigEndian.PutUint16(dst[head:], uint16(last))     // at most 252
	binary.BigEndian.PutUint16(dst[head+2:], uint16(weight)) // two's complement is meant
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
