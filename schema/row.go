package schema

import (
	"encoding/binary"
	"slices"
)

// row.go: slots become one tuple of PostgreSQL's binary COPY format, in the order of Columns. Before it value.go; the last of this package.

// AppendCopyHeader appends what a binary COPY begins with: signature, flags, length of the header's extension.
func AppendCopyHeader(dst []byte) []byte {
	return append(dst, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

// AppendCopyTrailer appends what a binary COPY ends with.
func AppendCopyTrailer(dst []byte) []byte { return append(dst, 0xff, 0xff) }

const (
	null = 0xFFFFFFFF // the length of a NULL

	// fixedRow is enough for all of a row that does not depend on lengths of text: 4 bytes of length and at most 16 of value a column.
	fixedRow = 2 + 20*len(columns) + 8

	jsonbVersion = 1
)

// appendRow appends the row of the slots.
func (d *Decoder) appendRow(dst []byte, at *Coordinates) []byte {
	begin := len(dst)
	dst = slices.Grow(dst, fixedRow+len(at.Topic)+len(d.value)+len(d.scratch)+len(d.extra))
	b := dst[begin:cap(dst)]
	binary.BigEndian.PutUint16(b, uint16(len(columns)))
	n := 2
	for c := 0; c < len(kinds); c++ {
		w := (*[12]byte)(b[n:])
		s := &d.slots[c%maxColumns]
		kind := kinds[c]
		if d.set>>c&1 == 0 && kind <= KindText {
			kind = kindNull
		}
		switch kind {
		case KindTime:
			n += put8(w, s.bits)
		case KindInteger:
			n += put4(w, uint32(s.bits)) // an int32
		case KindText:
			n = putBytes(b, n, d.text(s))
		case KindDecimal:
			if n, c = d.putNumerics(b, n, c); c < len(kinds) && kinds[c] == KindDecimal {
				dst, n = d.growForNumeric(dst, begin, n, d.slots[c])
				b = dst[begin:cap(dst)]
				continue
			}
			c-- // the first behind the decimals
		case kindOffset:
			n += put8(w, uint64(at.Offset)) // the same bits
		case kindTimestamp:
			if micros, ok := at.micros(); ok {
				n += put8(w, uint64(micros)) // the same bits
			} else {
				n += putNull(w)
			}
		case kindPartition:
			n += put4(w, uint32(at.Partition)) // the same bits
		case kindTopic:
			n = putBytes(b, n, at.Topic)
		case kindExtra:
			if len(d.extra) == 0 {
				n += putNull(w)
				break
			}
			binary.BigEndian.PutUint32(w[:], uint32(len(d.extra)+1)) // at most maxExtra
			w[4] = jsonbVersion
			n += 5 + copy(b[n+5:], d.extra)
		case kindNull:
			n += putNull(w)
		}
	}
	return dst[:begin+n]
}

// growForNumeric appends a decimal that putNumeric cannot write at dst[begin+n:]. Such a row may need more room than was thought.
func (d *Decoder) growForNumeric(dst []byte, begin, n int, s slot) (grown []byte, next int) {
	var buffer [numericBuffer]byte
	numeric := d.appendNumeric(buffer[:0], s)
	dst = dst[:begin+n]
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(numeric))) // at most numericBuffer
	dst = append(dst, numeric...)
	next = len(dst) - begin
	return slices.Grow(dst, fixedRow+len(d.value)+len(d.scratch)+len(d.extra))[:begin], next
}

func put8(w *[12]byte, x uint64) int {
	binary.BigEndian.PutUint32(w[:], 8)
	binary.BigEndian.PutUint64(w[4:], x)
	return 12
}

func put4(w *[12]byte, x uint32) int {
	binary.BigEndian.PutUint64(w[:], 4<<32|uint64(x))
	return 8
}

func putNull(w *[12]byte) int {
	binary.BigEndian.PutUint32(w[:], null)
	return 4
}

// putBytes writes a text. Most are shorter than a word, and calling memmove would cost as much as all the rest.
func putBytes[T string | []byte](b []byte, n int, text T) int {
	binary.BigEndian.PutUint32(b[n:], uint32(len(text))) // bounded by maxValue
	n += 4
	if len(text) <= 8 {
		w := b[n : n+8]
		for i := 0; i < len(text); i++ {
			w[i&7] = text[i]
		}
		return n + len(text)
	}
	return n + copy(b[n:], text)
}
