package serde

import "encoding/binary"

// wire.go: the wire format of Confluent's Schema Registry: a zero byte, the id of the schema as a big-endian int32, the value; for Protobuf
// the index of the message in between (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html).

// wireHeader is the zero byte and the id.
const wireHeader = 5

// Framed says that a value is in the wire format. JSON text and rows of comma-separated values never begin with a zero byte.
func Framed(value []byte) bool { return len(value) > 0 && value[0] == 0 }

// unframe cuts a framed value; ok is false for one that ends inside its header.
func unframe(value []byte) (id int, payload []byte, ok bool) {
	if len(value) < wireHeader {
		return 0, nil, false
	}
	return int(int32(binary.BigEndian.Uint32(value[1:]))), value[wireHeader:], true // the sign is meant: ids are positive
}

// appendFrame appends the header of a value.
func appendFrame(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id)) // ids are positive int32
}

// maxIndex bounds the nesting of Protobuf messages that an index can name.
const maxIndex = 32

// messageIndex reads which message of its file a Protobuf value is: for each level of nesting a number, counted, as zigzag varints. A single
// zero stands for the first message.
func messageIndex(payload []byte) (index []int, rest []byte, ok bool) {
	count, n := binary.Varint(payload)
	if n <= 0 || count < 0 || count > maxIndex {
		return nil, nil, false
	}
	payload = payload[n:]
	if count == 0 {
		return []int{0}, payload, true
	}
	for range count {
		i, n := binary.Varint(payload)
		if n <= 0 || i < 0 || i > 1<<16 {
			return nil, nil, false
		}
		index = append(index, int(i))
		payload = payload[n:]
	}
	return index, payload, true
}
