package serde

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"ridesink/schema"
)

// protobuf_read.go: a Protobuf message becomes JSON. Protobuf's own JSON has integers as texts and no bound on what a few bytes can become, so it is
// not used. Fields have the names of the .proto file; those without a value are left out, unless a missing one is the type's zero (proto3).

// messageWriter writes one message.
type messageWriter struct {
	most int
	bad  *schema.DecodeError
}

func (w *messageWriter) fail(bad *schema.DecodeError) {
	if w.bad == nil {
		w.bad = bad
	}
}

// message appends a message: an object, or what a well-known type stands for.
func (w *messageWriter) message(dst []byte, m protoreflect.Message, depth int) []byte {
	if depth > maxNesting {
		w.fail(tooDeep())
		return dst
	}
	d := m.Descriptor()
	if wellKnown, ok := w.wellKnown(dst, m, depth); ok {
		return wellKnown
	}
	fields := d.Fields()
	open := byte('{')
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) && (f.HasPresence() || f.IsList() || f.IsMap()) {
			continue
		}
		dst = append(appendText(append(dst, open), []byte(f.Name())), ':')
		open = ','
		dst = w.field(dst, f, m.Get(f), depth)
		if len(dst) > w.most {
			w.fail(tooLong())
		}
		if w.bad != nil {
			return dst
		}
	}
	if open == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// Full names of the types that mean a value of another kind (https://protobuf.dev/reference/protobuf/google.protobuf/).
const (
	timestampName = "google.protobuf.Timestamp"
	durationName  = "google.protobuf.Duration"
	decimalName   = "google.type.Decimal"
	unscaledName  = "confluent.type.Decimal" // Kafka Connect's
)

// wellKnown appends what a well-known type stands for; ok is false for any other message, also one that only has the name of such a type: a schema
// may define what it likes.
func (w *messageWriter) wellKnown(dst []byte, m protoreflect.Message, depth int) (_ []byte, ok bool) {
	d := m.Descriptor()
	switch d.FullName() {
	case timestampName, durationName:
		secondsField, nanosField := part(d, 1, protoreflect.Int64Kind), part(d, 2, protoreflect.Int32Kind)
		if secondsField == nil || nanosField == nil {
			return dst, false
		}
		seconds, nanos := m.Get(secondsField).Int(), m.Get(nanosField).Int()
		if d.FullName() == durationName {
			return appendFloat(dst, float64(seconds)+float64(nanos)/1e9, 64), true
		}
		if seconds < -62_135_596_800 || seconds > 253_402_300_799 || nanos < 0 || nanos > 999_999_999 { // the years 1 to 9999, as its documentation says
			w.fail(problem(schema.ReasonBadTime, "a time outside of the years 1 to 9999"))
			return dst, true
		}
		return time.Unix(seconds, nanos).UTC().AppendFormat(dst, `"2006-01-02 15:04:05.999999"`), true
	case decimalName:
		text := part(d, 1, protoreflect.StringKind)
		if text == nil {
			return dst, false
		}
		return appendText(dst, []byte(m.Get(text).String())), true
	case unscaledName:
		unscaledField, scaleField := part(d, 1, protoreflect.BytesKind), part(d, 3, protoreflect.Int32Kind)
		if unscaledField == nil || scaleField == nil {
			return dst, false
		}
		unscaled, scale := m.Get(unscaledField).Bytes(), m.Get(scaleField).Int()
		if len(unscaled) > maxUnscaled || scale < 0 || scale > maxScale {
			w.fail(tooManyDigits())
			return dst, true
		}
		return appendDecimal(dst, unscaled, int(scale)), true
	case "google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.Int64Value", "google.protobuf.UInt64Value", "google.protobuf.Int32Value",
		"google.protobuf.UInt32Value", "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.BytesValue":
		f := d.Fields().ByNumber(1)
		if f == nil || f.IsList() || f.IsMap() {
			return dst, false
		}
		return w.single(dst, f, m.Get(f), depth), true
	}
	return dst, false
}

// part returns a field of a well-known type, nil if a message of its name has none of this kind.
func part(d protoreflect.MessageDescriptor, number protoreflect.FieldNumber, kind protoreflect.Kind) protoreflect.FieldDescriptor {
	f := d.Fields().ByNumber(number)
	if f == nil || f.Kind() != kind || f.IsList() || f.IsMap() {
		return nil
	}
	return f
}

// field appends the value of a field: a list, a map or one value.
func (w *messageWriter) field(dst []byte, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) []byte {
	switch {
	case f.IsList():
		list := v.List()
		dst = append(dst, '[')
		for i := range list.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst = w.single(dst, f, list.Get(i), depth); len(dst) > w.most {
				w.fail(tooLong())
			}
			if w.bad != nil {
				return dst
			}
		}
		return append(dst, ']')
	case f.IsMap():
		return w.table(dst, f, v.Map(), depth)
	}
	return w.single(dst, f, v, depth)
}

// table appends a map, in the order of its keys, so that the same value is always the same JSON.
func (w *messageWriter) table(dst []byte, f protoreflect.FieldDescriptor, m protoreflect.Map, depth int) []byte {
	type entry struct {
		key   string
		value protoreflect.Value
	}
	entries := make([]entry, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		entries = append(entries, entry{k.String(), v})
		return true
	})
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, []byte(e.key)), ':')
		if dst = w.single(dst, f.MapValue(), e.value, depth); len(dst) > w.most {
			w.fail(tooLong())
		}
		if w.bad != nil {
			return dst
		}
	}
	return append(dst, '}')
}

// single appends one value.
func (w *messageWriter) single(dst []byte, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) []byte {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, v.Bool())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return strconv.AppendInt(dst, v.Int(), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case protoreflect.FloatKind:
		return appendFloat(dst, v.Float(), 32)
	case protoreflect.DoubleKind:
		return appendFloat(dst, v.Float(), 64)
	case protoreflect.StringKind:
		return appendText(dst, []byte(v.String()))
	case protoreflect.BytesKind:
		return appendBase64(dst, v.Bytes())
	case protoreflect.EnumKind:
		if value := f.Enum().Values().ByNumber(v.Enum()); value != nil {
			return appendText(dst, []byte(value.Name()))
		}
		return strconv.AppendInt(dst, int64(v.Enum()), 10)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return w.message(dst, v.Message(), depth+1)
	}
	return dst
}
