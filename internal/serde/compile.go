package serde

import (
	"context"
	"fmt"

	"ridesink/schema"
)

// compile.go: a schema as the registry has it becomes something that reads values. After it avro.go and protobuf.go.

// transcoder writes values of one schema as JSON.
type transcoder interface {
	// appendJSON appends what value, the bytes behind the id, holds. With a problem, what it has appended means nothing. Safe for
	// concurrent use.
	appendJSON(dst, value []byte) ([]byte, *schema.DecodeError)
}

// compile returns the transcoder of a schema. Its errors are about the schema: no other answer of the registry would mend them. It recovers: a text that a
// library did not expect must not end the process, and that at each start again.
func compile(ctx context.Context, s registered) (compiled transcoder, err error) {
	defer func() {
		if p := recover(); p != nil {
			compiled, err = nil, fmt.Errorf("it cannot be compiled: %v", p)
		}
	}()
	switch s.Type {
	case "", "AVRO":
		return parseAvro(s.Text, s.all)
	case "PROTOBUF":
		return parseProtobuf(ctx, s.Text, s.all)
	case "JSON":
		return jsonValues{}, nil
	}
	return nil, fmt.Errorf("it is of type %s: Avro, JSON Schema and Protobuf are read", s.Type)
}

// jsonValues are values of a JSON schema, whatever it says: what stands behind the id is JSON.
type jsonValues struct{}

func (jsonValues) appendJSON(dst, value []byte) ([]byte, *schema.DecodeError) {
	return append(dst, value...), nil
}
