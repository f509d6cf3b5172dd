package schema

import (
	"encoding/binary"
	"slices"
)

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
	set   uint64 // bit c: column c comes
	bytes []byte // what before and after are slices of
}

// step is one member of the object.
type step struct {
	words  [4]uint64 // before as words, and which bits of them count
	masks  [4]uint64
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
	d.set = l.set // put takes out what is null
	p, i := 0, 0
	for {
		var done int
		p, done = d.quickNumbers(v, p, l.steps[i:])
		if i += done; i == len(l.steps) {
			break
		}
		s := &l.steps[i]
		if !s.begins(v, p) {
			return false
		}
		if p = d.quickValue(v, p+len(s.before), s); p < 0 {
			return false
		}
		if i++; i == len(l.steps) {
			break
		}
	}
	if string(v[p:]) != string(l.after) {
		return false
	}
	d.closeExtra()
	d.setTaxi(l.told)
	return true
}

// begins says if v[p:] begins with the bytes before the value. Names are short, so that comparing all the words at once is faster than
// comparing slices.
func (s *step) begins(v []byte, p int) bool {
	if len(s.before) > 32 || p+32 > len(v) {
		next := p + len(s.before)
		return next < len(v) && string(v[p:next]) == string(s.before)
	}
	w := v[p : p+32]
	return (binary.LittleEndian.Uint64(w)^s.words[0])&s.masks[0]|
		(binary.LittleEndian.Uint64(w[8:])^s.words[1])&s.masks[1]|
		(binary.LittleEndian.Uint64(w[16:])^s.words[2])&s.masks[2]|
		(binary.LittleEndian.Uint64(w[24:])^s.words[3])&s.masks[3] == 0
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
	l.set = 0
	l.bytes = slices.Grow(l.bytes, d.betweenValues()) // so that slices of it stay
	end := 0
	for i := range d.members {
		m := &d.members[i]
		s := step{kind: kindExtra, name: m.first - m.nameFirst + 1}
		if m.known {
			s.kind, s.column = kinds[m.means.column], m.means.column
			l.told |= m.means.taxi
			l.set |= 1 << s.column
		}
		s.before = l.keep(d.value[end:m.first])
		for i, c := range s.before[:min(len(s.before), 32)] {
			s.words[i/8] |= uint64(c) << (8 * (i % 8))
			s.masks[i/8] |= 0xFF << (8 * (i % 8))
		}
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
// once, names have no escapes and tell one type of taxi at most. What is in an envelope is not: most envelopes differ from record to record.
func (d *Decoder) regular() bool {
	families, _, repeated := d.survey()
	if d.opened > 0 || repeated || families == yellowTaxi|greenTaxi || len(d.members) > maxSteps || d.betweenValues() > maxLayoutBytes {
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
