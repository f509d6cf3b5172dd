package schema

import "bytes"

// envelope.go: what Kafka Connect and Debezium put around a record. members.go looks here only for an object without any field of a ride, so that
// no other record pays for it; the object inside is then read in place, by the same rules.
//
// Two shapes are unmistakable, and no other is opened:
//
//	Kafka Connect's JsonConverter   {"schema":{..} or null,"payload":{..}} and nothing else
//	Debezium's change event         "after":{..}, "op" one of "c", "r" and "u", "source":{..}; whatever else it has, such as "before", is passed over
//
// Names are compared as they are written: another case, an escape in any name, or one of these names twice, and the object is taken for what it
// is, no_known_field. So is Debezium's delete ("op":"d", "after":null): a ride went away, none was sent. Undeclared fields of the inner
// object go into extra_fields, those of the envelope do not.

// maxEnvelopes is how many may lie in one another: Debezium's event is the payload of Connect's.
const maxEnvelopes = 2

// NewBareDecoder returns a Decoder that opens no envelope: for an object that was taken out of a record already, such as extra_fields.
func NewBareDecoder() *Decoder {
	d := NewDecoder()
	d.bare = true
	return d
}

// openEnvelope goes on to the members of the object in an envelope, or says that the object at hand is none. Positions stay those of the whole value,
// which findMembers has checked.
func (d *Decoder) openEnvelope() bool {
	if d.bare || d.opened == maxEnvelopes {
		return false
	}
	inner, found := d.envelope()
	if !found {
		return false
	}
	d.opened++
	d.members, d.scratch = d.members[:0], d.scratch[:0]
	d.scan.reset(d.value) // what is wrong with values around it is nobody's concern
	d.object(inner)
	return true
}

// envelope returns where the object in the envelope at hand begins.
func (d *Decoder) envelope() (inner int, found bool) {
	var schema, payload, after, op, source *member
	for i := range d.members {
		m := &d.members[i]
		if !m.plain {
			return 0, false
		}
		var place **member
		switch string(d.name(m)) {
		case "schema":
			place = &schema
		case "payload":
			place = &payload
		case "after":
			place = &after
		case "op":
			place = &op
		case "source":
			place = &source
		default:
			continue
		}
		if *place != nil {
			return 0, false
		}
		*place = m
	}
	switch {
	case len(d.members) == 2 && schema != nil && payload != nil:
		if (d.isObject(schema) || d.value[schema.first] == 'n') && d.isObject(payload) {
			return payload.first, true
		}
	case after != nil && op != nil && source != nil:
		letter := d.value[op.first:op.next]
		if d.isObject(after) && d.isObject(source) && len(letter) == 3 && letter[0] == '"' && bytes.IndexByte([]byte("cru"), letter[1]) >= 0 {
			return after.first, true
		}
	}
	return 0, false
}

func (d *Decoder) isObject(m *member) bool { return d.value[m.first] == '{' }
