package schema

import "bytes"

// members.go: the general path. It reads any object, whatever the order and spelling of its names, settles duplicates, and alone decides
// what is an error and which. Before it decode.go and scan.go; values go through value.go.

// member is one field of the object at hand.
type member struct {
	nameFirst, nameNext int  // the name, between its quotes
	first, next         int  // the value
	means               name // of the name
	known               bool // the name has a column
	plain               bool // the name has no escapes
	nan                 bool // NaN is in the value
	superseded          bool // the same name comes again
}

// general decodes the value by all rules.
func (d *Decoder) general(value []byte) *DecodeError {
	d.begin(value)
	if bad := d.findMembers(); bad != nil {
		return bad
	}
	families, known, repeated := d.survey()
	for d.opened = 0; !known && d.openEnvelope(); {
		families, known, repeated = d.survey()
	}
	if !known {
		return &DecodeError{Reason: ReasonNoKnownField, Problem: "no field of the object is a field of a ride"}
	}
	if repeated {
		d.supersede()
	}
	if d.scan.wide >= 0 {
		return d.fieldError(extraFields, ReasonOutOfRange, d.scan.wide)
	}
	if bad := d.collectExtra(); bad != nil {
		return bad
	}
	told := noTaxi // by a name that has a value
	for i := range d.members {
		m := &d.members[i]
		if !m.known || m.superseded {
			continue
		}
		null, bad := d.merge(m)
		if bad != nil {
			return bad
		}
		if !null {
			told |= m.means.taxi
		}
	}
	if told == noTaxi {
		told = families
	}
	d.setTaxi(told)
	return nil
}

// findMembers checks the whole value as JSON and notes the members of the object.
func (d *Decoder) findMembers() *DecodeError {
	s := &d.scan
	d.members = d.members[:0]
	p := s.space(0)
	object := s.at(p) == '{'
	begin := p
	if object {
		p = d.object(p)
	} else {
		p = s.any(p, 0)
	}
	if p >= 0 {
		if p = s.space(p); p != len(s.value) {
			s.fail(p)
		}
	}
	switch {
	case s.failed >= 0:
		return &DecodeError{Reason: ReasonInvalidJSON, Problem: syntaxProblem(s), Position: s.failed}
	case s.deep >= 0:
		return &DecodeError{Reason: ReasonTooLarge, Problem: "nested deeper than 64", Position: s.deep}
	case s.badText >= 0:
		return &DecodeError{Reason: ReasonBadText, Problem: "text with bad UTF-8, half a surrogate pair or NUL", Position: s.badText}
	case !object:
		return &DecodeError{Reason: ReasonNotAnObject, Problem: "JSON, but not an object", Position: begin}
	}
	return nil
}

func syntaxProblem(s *scanner) string {
	switch {
	case len(s.value) == 0:
		return "the value is empty"
	case s.failed == len(s.value):
		return "the JSON ends too early"
	default:
		return "not JSON"
	}
}

// object notes the members of the object at p and returns its end.
func (d *Decoder) object(p int) int {
	s := &d.scan
	p = s.space(p + 1)
	if s.at(p) == '}' {
		return p + 1
	}
	for {
		m := member{nameFirst: p + 1}
		if s.at(p) != '"' {
			return s.fail(p)
		}
		if p, m.plain = s.text(p); p < 0 {
			return -1
		}
		m.nameNext = p - 1
		if p = s.space(p); s.at(p) != ':' {
			return s.fail(p)
		}
		m.means, m.known = lookUp(d.name(&m))
		wide, hidden := s.wide, s.hidden
		s.nan = false
		m.first = s.space(p + 1)
		if m.next = s.any(m.first, 1); m.next < 0 {
			return -1
		}
		m.nan = s.nan
		if m.known {
			s.wide, s.hidden = wide, hidden // its column decides what is too wide
		}
		d.members = append(d.members, m)
		p = s.space(m.next)
		switch s.at(p) {
		case ',':
			p = s.space(p + 1)
		case '}':
			return p + 1
		default:
			return s.fail(p)
		}
	}
}

// name returns the name of a member, unescaped.
func (d *Decoder) name(m *member) []byte {
	raw := d.value[m.nameFirst:m.nameNext]
	if m.plain {
		return raw
	}
	begin := len(d.scratch)
	d.scratch = appendUnescaped(d.scratch, raw)
	return d.scratch[begin:]
}

// survey tells which types of taxi the names speak of, if there is any known name, and if a column comes more than once.
func (d *Decoder) survey() (families taxi, known, repeated bool) {
	var seen uint64
	for i := range d.members {
		m := &d.members[i]
		if !m.known {
			continue
		}
		families |= m.means.taxi
		repeated = repeated || seen>>m.means.column&1 != 0
		seen |= 1 << m.means.column
	}
	return families, seen != 0, repeated
}

// supersede marks the members whose very name comes again later: the last one wins.
func (d *Decoder) supersede() {
	later := make(map[string]bool)
	for i := len(d.members) - 1; i >= 0; i-- {
		m := &d.members[i]
		if !m.known {
			continue
		}
		if n := string(d.name(m)); later[n] {
			m.superseded = true
		} else {
			later[n] = true
		}
	}
}

// merge reads the value of m into its column. Where another name has already filled it, no value changes nothing and another value is an
// error. null says that m has no value.
func (d *Decoder) merge(m *member) (null bool, bad *DecodeError) {
	c := m.means.column
	before, had := d.slots[c], d.set>>c&1 != 0
	if reason := d.put(c, m.first, m.next); reason != "" {
		return false, d.fieldError(c, reason, m.first)
	}
	null = d.set>>c&1 == 0
	if had {
		if !null && !d.same(kinds[c], before, d.slots[c]) {
			return false, &DecodeError{Reason: ReasonWrongType, Field: columns[c].name, Problem: "has two different values under two names", Position: m.first}
		}
		d.slots[c] = before
		d.set |= 1 << c
	}
	return null, nil
}

// setTaxi stores the type of taxi that names tell, unless the record says it itself or the names disagree.
func (d *Decoder) setTaxi(told taxi) {
	text := told.text()
	if text == "" || d.set>>taxiType&1 != 0 {
		return
	}
	begin := len(d.scratch)
	d.scratch = append(d.scratch, text...)
	d.slots[taxiType] = slot{bits: span(begin, len(d.scratch)), scratch: true}
	d.set |= 1 << taxiType
}

// collectExtra copies the fields nobody declared into one object, as they came.
func (d *Decoder) collectExtra() *DecodeError {
	for i := range d.members {
		m := &d.members[i]
		if m.known {
			continue
		}
		if !d.addExtra(m.nameFirst-1, m.first, m.next, m.nan) {
			return d.fieldError(extraFields, ReasonTooLarge, m.first)
		}
	}
	d.closeExtra()
	return nil
}

// addExtra adds the member whose name begins at the quote at name and whose value is [first,next). It says if there was room.
func (d *Decoder) addExtra(name, first, next int, nan bool) bool {
	if len(d.extra)+next-name+d.scan.hidden > maxExtra {
		return false
	}
	if len(d.extra) == 0 {
		d.extra = append(d.extra, '{')
	} else {
		d.extra = append(d.extra, ',')
	}
	begin := len(d.extra)
	d.extra = append(d.extra, d.value[name:next]...)
	if nan {
		d.extra = nanToNull(d.extra, begin+first-name)
	}
	return true
}

func (d *Decoder) closeExtra() {
	if len(d.extra) > 0 {
		d.extra = append(d.extra, '}')
	}
}

// nanToNull replaces the token NaN, which jsonb does not have, in the JSON b[first:].
func nanToNull(b []byte, first int) []byte {
	came := bytes.Clone(b[first:])
	b = b[:first]
	inText := false
	for i := 0; i < len(came); i++ {
		switch c := came[i]; {
		case c == '"':
			inText = !inText
		case c == '\\':
			b = append(b, c)
			i++
		case c == 'N' && !inText:
			b = append(b, "null"...)
			i += len("NaN") - 1
			continue
		}
		b = append(b, came[i])
	}
	return b
}

// fieldError describes a bad value of a column.
func (d *Decoder) fieldError(c uint8, reason Reason, position int) *DecodeError {
	return &DecodeError{Reason: reason, Field: columns[c].name, Problem: reason.problem(), Position: position}
}
