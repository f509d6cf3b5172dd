package serde

import (
	"encoding/binary"
	"math"
	"strconv"

	"ridesink/schema"
)

// avro_read.go: an Avro value becomes JSON, along the tree of avro.go. Nothing in the value is believed: lengths must be there, blocks of
// nothing must end, and the JSON stays within its bound.

// avroReader reads one value.
type avroReader struct {
	value []byte
	at    int
	most  int // length of dst at which it is too long
	bad   *schema.DecodeError
}

func badAvro(words string) *schema.DecodeError { return problem(schema.ReasonBadAvro, words) }

// fail notes the first problem.
func (r *avroReader) fail(bad *schema.DecodeError) {
	if r.bad == nil {
		r.bad = bad
	}
}

// read appends the value of a type. After a failure it returns something, and reads no further.
func (r *avroReader) read(dst []byte, t *avroType, depth int) []byte {
	if t.logical != notLogical {
		return r.readLogical(dst, t)
	}
	switch t.kind {
	case avroNull:
		return append(dst, "null"...)
	case avroBoolean:
		b := r.take(1)
		if r.bad != nil {
			return dst
		}
		return strconv.AppendBool(dst, b[0] != 0)
	case avroInt:
		return strconv.AppendInt(dst, r.varint(), 10)
	case avroFloat:
		if b := r.take(4); r.bad == nil {
			return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
		}
	case avroDouble:
		if b := r.take(8); r.bad == nil {
			return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
		}
	case avroBytes:
		return appendBase64(dst, r.counted())
	case avroFixed:
		return appendBase64(dst, r.take(t.size))
	case avroString:
		return appendText(dst, r.counted())
	case avroEnum:
		i := r.varint()
		if i < 0 || i >= int64(len(t.symbols)) {
			r.fail(badAvro("a symbol that its enum does not have"))
			return dst
		}
		return append(dst, t.symbols[i]...)
	case avroUnion:
		i := r.varint()
		if i < 0 || i >= int64(len(t.branches)) {
			r.fail(badAvro("a branch that its union does not have"))
			return dst
		}
		return r.read(dst, t.branches[i], depth) // a union holds no union
	case avroRecord, avroArray, avroMap:
		if depth == maxNesting {
			r.fail(tooDeep())
			return dst
		}
		if t.kind == avroRecord {
			return r.readRecord(dst, t, depth+1)
		}
		return r.readBlocks(dst, t, depth+1)
	}
	return dst
}

func (r *avroReader) readRecord(dst []byte, t *avroType, depth int) []byte {
	dst = append(dst, '{')
	for i := range t.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := &t.fields[i]
		dst = r.read(append(dst, f.name...), f.of, depth)
		if len(dst) > r.most {
			r.fail(tooLong())
		}
		if r.bad != nil {
			return dst
		}
	}
	return append(dst, '}')
}

// readBlocks reads the items of an array or a map: blocks, each with its count in front, and a count of zero at the end. A negative count is
// followed by the size of the block in bytes.
func (r *avroReader) readBlocks(dst []byte, t *avroType, depth int) []byte {
	open, closing := byte('['), byte(']')
	if t.kind == avroMap {
		open, closing = '{', '}'
	}
	dst = append(dst, open)
	for first := true; ; {
		count := r.varint()
		if count < 0 {
			r.varint()
			count = -count // math.MinInt64 stays negative, and is refused with the rest
		}
		if count < 0 {
			r.fail(badAvro("a block of a size that cannot be"))
		}
		if r.bad != nil || count == 0 {
			return append(dst, closing)
		}
		for ; count > 0; count-- {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			if t.kind == avroMap {
				dst = append(appendText(dst, r.counted()), ':')
			}
			dst = r.read(dst, t.items, depth)
			if len(dst) > r.most {
				r.fail(tooLong())
			}
			if r.bad != nil {
				return dst
			}
		}
	}
}

// take returns the next n bytes.
func (r *avroReader) take(n int) []byte {
	if r.bad != nil || n > len(r.value)-r.at {
		r.fail(badAvro("it ends too early"))
		return nil
	}
	r.at += n
	return r.value[r.at-n : r.at]
}

// counted returns bytes that follow their number.
func (r *avroReader) counted() []byte {
	n := r.varint()
	if n < 0 || n > int64(len(r.value)-r.at) {
		r.fail(badAvro("it ends too early, or has a length that cannot be"))
		return nil
	}
	return r.take(int(n))
}

// varint reads an int or a long; 0 after a failure.
func (r *avroReader) varint() int64 {
	if r.at < len(r.value) && r.value[r.at] < 0x80 && r.bad == nil { // most are of one byte
		u := r.value[r.at]
		r.at++
		return int64(u>>1) ^ -int64(u&1)
	}
	if r.bad != nil {
		return 0
	}
	i, n := binary.Varint(r.value[r.at:])
	if n <= 0 {
		r.fail(badAvro("it ends too early, or has a number of more than 64 bits"))
		return 0
	}
	r.at += n
	return i
}
