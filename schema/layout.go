package schema

import "slices"

// layout.go: the fast path. A producer writes its records the same way again and again, so what stands between the values of a record is
// taken from an earlier one and compared as bytes. Before it decode.go; values go through quick.go. Whatever is not as expected is left
// to members.go, also every error.

const (
	maxLayouts     = 8    // as many kinds of records can be mixed in a topic and still be recognised
	maxSteps       = 64   // members of an object worth learning
	maxLayoutBytes = 4096 // and bytes between their values
)

// layout is how a record was laid out: steps, each with the bytes before a value and what the value is, and the bytes at the end.
type layout struct {
	steps []step
	after []byte // behind the last value
	told  taxi   // by the names
	bytes []byte // what before and after are slices of
}

// step is one member of the object.
type step struct {
	before []byte // from the end of the value before up to this value, the name included
	kind   Kind   // kindExtra for a field nobody declared
	column uint8
	name   int // how far before the value the quote of the name is
}

// followLayouts says if value is laid out like a record before, and then has filled the slots.
func (d *Decoder) followLayouts(value []byte) bool {
	for i, l := range d.layouts {
		if l == nil {
			return false
		}
		if d.follow(l, value) {
			if i > 0 {
				copy(d.layouts[1:i+1], d.layouts[:i])
				d.layouts[0] = l
			}
			return true
		}
	}
	return false
}

// follow reads value along a layout.
func (d *Decoder) follow(l *layout, v []byte) bool {
	d.begin(v)
	p := 0
	for i := range l.steps {
		s := &l.steps[i]
		next := p + len(s.before)
		if next >= len(v) || string(v[p:next]) != string(s.before) {
			return false
		}
		switch s.kind { //nolint:exhaustive // the others do not arrive
		case KindDecimal:
			p = d.quickDecimal(v, next, s.column)
		case KindInteger:
			p = d.quickInteger(v, next, s.column)
		case KindTime:
			p = d.quickTime(v, next, s.column)
		case KindText:
			p = d.quickText(v, next, s.column)
		default:
			p = d.quickExtra(next, s.name)
		}
		if p < 0 {
			return false
		}
	}
	if string(v[p:]) != string(l.after) {
		return false
	}
	d.closeExtra()
	d.setTaxi(l.told)
	return true
}

// learn remembers how the record was laid out that the general path has just read. The layout that was not used for longest makes room.
func (d *Decoder) learn() {
	if !d.regular() {
		return
	}
	last := len(d.layouts) - 1
	l := d.layouts[last]
	if l == nil {
		l = &layout{}
	}
	copy(d.layouts[1:], d.layouts[:last])
	d.layouts[0] = l

	l.steps, l.bytes, l.told = l.steps[:0], l.bytes[:0], noTaxi
	l.bytes = slices.Grow(l.bytes, d.betweenValues()) // so that slices of it stay
	end := 0
	for i := range d.members {
		m := &d.members[i]
		s := step{kind: kindExtra, name: m.first - m.nameFirst + 1}
		if m.known {
			s.kind, s.column = kinds[m.means.column], m.means.column
			l.told |= m.means.taxi
		}
		s.before = l.keep(d.value[end:m.first])
		l.steps = append(l.steps, s)
		end = m.next
	}
	l.after = l.keep(d.value[end:])
}

// keep copies b into the layout.
func (l *layout) keep(b []byte) []byte {
	begin := len(l.bytes)
	l.bytes = append(l.bytes, b...)
	return l.bytes[begin:len(l.bytes):len(l.bytes)]
}

// regular says that the record is worth learning, and that along its layout nothing has to be settled between members: each column comes
// once, names have no escapes and tell one type of taxi at most.
func (d *Decoder) regular() bool {
	families, _, repeated := d.survey()
	if repeated || families == yellowTaxi|greenTaxi || len(d.members) > maxSteps || d.betweenValues() > maxLayoutBytes {
		return false
	}
	for i := range d.members {
		if !d.members[i].plain {
			return false
		}
	}
	return true
}

// betweenValues counts the bytes of the record that are not in a value.
func (d *Decoder) betweenValues() int {
	n := len(d.value)
	for i := range d.members {
		n -= d.members[i].next - d.members[i].first
	}
	return n
}
