package schema

// value.go: one JSON value becomes the value of one column. Before it members.go and quick.go, which have made sure that the value is
// JSON; number.go and clock.go know the notations; after it row.go and ride.go.

// slot is the value of one column, without pointers: an integer, microseconds, the coefficient of a decimal, or where text is.
type slot struct {
	bits     uint64 // int64, or a coefficient, or a span
	scale    uint16 // decimal: digits behind the point
	negative bool   // decimal
	scratch  bool   // bits is a span of Decoder.scratch (text, the digits of a decimal), not of the record's value
}

// span packs two positions below 2^32.
func span(first, next int) uint64 { return uint64(first)<<32 | uint64(next) } // positions are bounded by maxValue

// in returns what the span means in b.
func (s *slot) in(b []byte) []byte { return b[s.bits>>32 : uint32(s.bits)] } // the low half is meant

// text returns the text of a slot of kind text.
func (d *Decoder) text(s *slot) []byte {
	if s.scratch {
		return s.in(d.scratch)
	}
	return s.in(d.value)
}

// put reads the value in [first,next) into column c. "", null and NaN make it null.
func (d *Decoder) put(c uint8, first, next int) Reason {
	d.set &^= 1 << c
	s, null, reason := d.read(kinds[c], first, next)
	if reason != "" || null {
		return reason
	}
	d.slots[c] = s
	d.set |= 1 << c
	return ""
}

// read reads a value as a kind.
func (d *Decoder) read(kind Kind, first, next int) (s slot, null bool, reason Reason) {
	raw := d.value[first:next]
	switch raw[0] {
	case 'n', 'N':
		return slot{}, true, ""
	case '"':
		return d.readText(kind, first+1, next-1)
	case 't', 'f', '{':
		return slot{}, false, ReasonWrongType
	case '[':
		if kind != KindTime {
			return slot{}, false, ReasonWrongType
		}
		return d.readList(first, next)
	}
	if kind == KindText {
		return slot{}, false, ReasonWrongType
	}
	s, reason = d.readNotation(kind, raw)
	return s, false, reason
}

// readText reads the string whose contents are [first,next).
func (d *Decoder) readText(kind Kind, first, next int) (s slot, null bool, reason Reason) {
	text := d.value[first:next]
	s.bits = span(first, next)
	for _, c := range text {
		if c == '\\' {
			begin := len(d.scratch)
			d.scratch = appendUnescaped(d.scratch, text)
			text = d.scratch[begin:]
			s.bits, s.scratch = span(begin, len(d.scratch)), true
			break
		}
	}
	if len(text) == 0 {
		return slot{}, true, ""
	}
	if kind == KindText {
		return s, false, ""
	}
	if string(text) == "NaN" || string(text) == "nan" { // how data frames spell a missing value where all is text
		return slot{}, true, ""
	}
	s, reason = d.readNotation(kind, text)
	return s, false, reason
}

// readNotation reads the text of a number or a time.
func (d *Decoder) readNotation(kind Kind, text []byte) (slot, Reason) {
	switch kind { // all others are text or do not arrive
	case KindInteger:
		return d.integer(text)
	case KindDecimal:
		return d.decimal(text)
	default:
		micros, ok := d.clock(text)
		if !ok {
			return slot{}, ReasonBadTime
		}
		return slot{bits: uint64(micros)}, "" // the sign comes back in row.go
	}
}

// readList reads a time that is a list: of one element, or of the integers of Java's LocalDateTime.
func (d *Decoder) readList(first, next int) (s slot, null bool, reason Reason) {
	var parts [9]int // two more for javaClock
	count, onlyFirst, onlyNext := 0, 0, 0
	integers := true
	var scan scanner
	scan.reset(d.value[:next])
	for p := scan.space(first + 1); d.value[p] != ']'; count++ {
		end := scan.any(p, maxDepth/2)
		if count == len(parts)-2 || end < 0 {
			return slot{}, false, ReasonBadTime
		}
		if count == 0 {
			onlyFirst, onlyNext = p, end
		}
		n, ok := smallInteger(d.value[p:end])
		parts[count] = n
		integers = integers && ok
		if p = scan.space(end); d.value[p] == ',' {
			p = scan.space(p + 1)
		}
	}
	switch {
	case count == 1 && d.value[onlyFirst] != '[':
		return d.read(KindTime, onlyFirst, onlyNext)
	case count < 5 || !integers:
		return slot{}, false, ReasonBadTime
	}
	micros, ok := javaClock(parts[:count])
	if !ok {
		return slot{}, false, ReasonBadTime
	}
	return slot{bits: uint64(micros)}, false, "" // the sign comes back in row.go
}

// smallInteger reads up to nine digits without a sign, as much as a part of a LocalDateTime has.
func smallInteger(text []byte) (n int, ok bool) {
	digits, rest := leadingDigits(text)
	if len(digits) == 0 || len(digits) > 9 || len(rest) > 0 {
		return 0, false
	}
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n, true
}

// same says that two values of a kind are equal; 9.5 and 9.50 are.
func (d *Decoder) same(kind Kind, a, b slot) bool {
	switch kind { // times and integers are their bits
	case KindText:
		return string(d.text(&a)) == string(d.text(&b))
	case KindDecimal:
		var x, y [numericBuffer]byte
		left, right := d.appendNumeric(x[:0], a), d.appendNumeric(y[:0], b)
		return string(left[:numericScale]) == string(right[:numericScale]) && string(left[numericDigits:]) == string(right[numericDigits:])
	default:
		return a.bits == b.bits
	}
}
