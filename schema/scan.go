package schema

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scan.go: JSON as RFC 8259 has it, and the bare token NaN. It finds where values end and says what is wrong with them; what they mean is
// for value.go.

// maxDepth is how deep a record may be nested; the record itself is 1.
const maxDepth = 64

// scanner walks over one record's value. A syntax error ends it; what makes the record bad in other ways is noted, so that the syntax
// error is told if there is one.
type scanner struct {
	value   []byte
	failed  int  // where the syntax ends to be JSON, -1
	deep    int  // where nesting is deeper than maxDepth, -1
	badText int  // first bad UTF-8, lone surrogate or NUL, -1
	wide    int  // first number of more than maxDigits digits, -1
	nan     bool // there was a NaN since the caller cleared it
	hidden  int  // digits that exponents stand for: written out, numbers are that much longer
}

func (s *scanner) reset(value []byte) {
	s.value = value
	s.failed, s.deep, s.badText, s.wide, s.nan, s.hidden = -1, -1, -1, -1, false, 0 // one by one: that is faster
}

// clean says that nothing was noted.
func (s *scanner) clean() bool { return s.failed&s.deep&s.badText&s.wide == -1 }

func (s *scanner) fail(p int) int {
	if s.failed < 0 {
		s.failed = p
	}
	return -1
}

// space returns the first position at or behind p that is not white space.
func (s *scanner) space(p int) int {
	for p < len(s.value) {
		switch s.value[p] {
		case ' ', '\n', '\r', '\t':
			p++
		default:
			return p
		}
	}
	return p
}

// at returns the byte at p, 0 at the end: no token begins with it.
func (s *scanner) at(p int) byte {
	if p < len(s.value) {
		return s.value[p]
	}
	return 0
}

// any returns the end of the value that begins at p, -1 if it is not JSON or too deep. depth counts the containers around it.
func (s *scanner) any(p, depth int) int {
	switch c := s.at(p); {
	case c == '"':
		end, _ := s.text(p)
		return end
	case c == '-', '0' <= c && c <= '9':
		return s.number(p)
	case c == '{', c == '[':
		return s.container(p, depth+1)
	case c == 't':
		return s.word(p, "true")
	case c == 'f':
		return s.word(p, "false")
	case c == 'n':
		return s.word(p, "null")
	case c == 'N':
		s.nan = true
		return s.word(p, "NaN")
	}
	return s.fail(p)
}

func (s *scanner) word(p int, word string) int {
	if end := p + len(word); end <= len(s.value) && string(s.value[p:end]) == word {
		return end
	}
	return s.fail(p)
}

// container returns the end of the object or array that begins at p.
func (s *scanner) container(p, depth int) int {
	if depth > maxDepth {
		s.deep = p
		return -1
	}
	object := s.value[p] == '{'
	closing := byte(']')
	if object {
		closing = '}'
	}
	p = s.space(p + 1)
	if s.at(p) == closing {
		return p + 1
	}
	for {
		if object {
			if p = s.name(p); p < 0 {
				return -1
			}
		}
		if p = s.any(p, depth); p < 0 {
			return -1
		}
		p = s.space(p)
		switch s.at(p) {
		case ',':
			p = s.space(p + 1)
		case closing:
			return p + 1
		default:
			return s.fail(p)
		}
	}
}

// name returns where the value behind the name at p begins.
func (s *scanner) name(p int) int {
	if s.at(p) != '"' {
		return s.fail(p)
	}
	if p, _ = s.text(p); p < 0 {
		return -1
	}
	p = s.space(p)
	if s.at(p) != ':' {
		return s.fail(p)
	}
	return s.space(p + 1)
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
)

// text returns the end of the string whose opening quote is at p. plain says that it has no escapes.
func (s *scanner) text(p int) (end int, plain bool) {
	plain = true
	v := s.value
	p++
	for {
		for p+8 <= len(v) {
			if special := notPlain(binary.LittleEndian.Uint64(v[p:])); special != 0 {
				p += bits.TrailingZeros64(special) / 8
				break
			}
			p += 8
		}
		switch c := s.at(p); {
		case p == len(v):
			return s.fail(p), false
		case c == '"':
			return p + 1, plain
		case c == '\\':
			plain = false
			if p = s.escape(p); p < 0 {
				return -1, false
			}
		case c < ' ':
			return s.fail(p), false
		case c < utf8.RuneSelf:
			p++
		default:
			r, size := utf8.DecodeRune(v[p:])
			if r == utf8.RuneError && size == 1 {
				s.noteBadText(p)
			}
			p += size
		}
	}
}

// notPlain has bits set from the first byte of w on that is a quote, a backslash, a control character or not ASCII.
func notPlain(w uint64) uint64 {
	quote, backslash := w^('"'*everyByte), w^('\\'*everyByte)
	return (w | (w - ' '*everyByte) | (quote - everyByte) | (backslash - everyByte)) & highBits
}

// escape returns the end of the escape sequence at p, both halves of a surrogate pair.
func (s *scanner) escape(p int) int {
	switch s.at(p + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return p + 2
	case 'u':
	default:
		return s.fail(p)
	}
	unit, ok := hex4(s.value, p+2)
	if !ok {
		return s.fail(p)
	}
	switch {
	case unit == 0, 0xDC00 <= unit && unit < 0xE000:
		s.noteBadText(p)
	case 0xD800 <= unit && unit < 0xDC00:
		if s.at(p+6) == '\\' && s.at(p+7) == 'u' {
			if low, ok := hex4(s.value, p+8); ok && 0xDC00 <= low && low < 0xE000 {
				return p + 12
			}
		}
		s.noteBadText(p)
	}
	return p + 6
}

func (s *scanner) noteBadText(p int) {
	if s.badText < 0 {
		s.badText = p
	}
}

// hex4 reads four hexadecimal digits.
func hex4(v []byte, p int) (rune, bool) {
	if p+4 > len(v) {
		return 0, false
	}
	var r rune
	for _, c := range v[p : p+4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune((c|0x20)-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// number returns the end of the number at p and notes one that is too wide.
func (s *scanner) number(p int) int {
	begin := p
	if s.value[p] == '-' {
		p++
	}
	switch c := s.at(p); {
	case c == '0':
		p++
	case '1' <= c && c <= '9':
		p = s.digits(p)
	default:
		return s.fail(p)
	}
	simple := true
	if s.at(p) == '.' {
		first := p + 1
		if p = s.digits(first); p == first {
			return s.fail(p)
		}
	}
	if c := s.at(p); c == 'e' || c == 'E' {
		simple = false
		p++
		if c := s.at(p); c == '+' || c == '-' {
			p++
		}
		first := p
		if p = s.digits(first); p == first {
			return s.fail(p)
		}
	}
	if !simple || p-begin > maxDigits {
		s.weigh(begin, p)
	}
	return p
}

// weigh looks at a number that is long, or longer than it looks.
func (s *scanner) weigh(first, next int) {
	n, ok := parseNumber(s.value[first:next])
	switch {
	case !ok:
	case n.wide():
		if s.wide < 0 {
			s.wide = first
		}
	case n.exponent != 0:
		s.hidden += min(max(n.exponent, -n.exponent), maxDigits)
	}
}

func (s *scanner) digits(p int) int {
	for c := s.at(p); '0' <= c && c <= '9'; c = s.at(p) {
		p++
	}
	return p
}

// appendUnescaped appends the contents of a string that text found good, raw being what is between its quotes.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(raw, i+1)
			i += 4
			if 0xD800 <= r && r < 0xDC00 {
				if low, ok := hex4(raw, i+3); ok {
					r = 0x10000 + ((r-0xD800)<<10 | (low - 0xDC00))
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
