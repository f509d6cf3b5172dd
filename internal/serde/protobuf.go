package serde

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"ridesink/schema"
)

// protobuf.go: a Protobuf schema becomes descriptors. The registry has it as the text of a .proto file, or, from producers in Python, as a
// FileDescriptorProto in base64. protobuf_read.go writes messages as JSON.

// maxMessage is the longest Protobuf value that is looked at: as an object in memory it takes up to a hundred times as much.
const maxMessage = 128 << 10

// protobufSchema is a file whose messages can be read.
type protobufSchema struct{ file protoreflect.FileDescriptor }

// mainFile is the name of the schema itself, which the registry does not tell. No import can mean it.
const mainFile = "schema of the value.proto"

// parseProtobuf compiles a schema with the files that it imports.
func parseProtobuf(ctx context.Context, text string, references []reference) (*protobufSchema, error) {
	files := map[string]string{mainFile: text}
	for _, r := range references {
		files[r.name] = r.text
	}
	sources := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		text, known := files[path]
		if !known {
			text, known = knownImport(path)
		}
		if !known {
			return protocompile.SearchResult{}, protoregistry.NotFound
		}
		if file, ok := fileOfBase64(text); ok {
			file.Name = proto.String(path)
			return protocompile.SearchResult{Proto: file}, nil
		}
		return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
	})
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(sources)}
	compiled, err := compiler.Compile(ctx, mainFile)
	if err != nil {
		return nil, err
	}
	return &protobufSchema{file: compiled[0]}, nil
}

// fileOfBase64 reads a FileDescriptorProto. The text of a .proto file is no base64: it has blanks and semicolons.
func fileOfBase64(text string) (*descriptorpb.FileDescriptorProto, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, false
	}
	file := &descriptorpb.FileDescriptorProto{}
	if err := proto.Unmarshal(b, file); err != nil {
		return nil, false
	}
	nameFields(file.GetExtension())
	for _, message := range file.GetMessageType() {
		nameFieldsOf(message)
	}
	return file, true
}

// nameFieldsOf gives the fields of a message, and of those inside of it, a JSON name. Generated code has none in its descriptors, and that is what Confluent's
// serializer in Python registers; the compiler then finds that all fields of a message have the same, which is empty.
func nameFieldsOf(message *descriptorpb.DescriptorProto) {
	nameFields(message.GetField())
	nameFields(message.GetExtension())
	for _, nested := range message.GetNestedType() {
		nameFieldsOf(nested)
	}
}

// nameFields uses the field's own name, which no other field has: JSON names are not used here.
func nameFields(fields []*descriptorpb.FieldDescriptorProto) {
	for _, f := range fields {
		if f.JsonName == nil {
			f.JsonName = f.Name
		}
	}
}

// message returns the descriptor that an index names.
func (s *protobufSchema) message(index []int) (protoreflect.MessageDescriptor, bool) {
	messages := s.file.Messages()
	var found protoreflect.MessageDescriptor
	for _, i := range index {
		if i >= messages.Len() {
			return nil, false
		}
		found = messages.Get(i)
		messages = found.Messages()
	}
	return found, found != nil
}

// appendJSON implements transcoder. It recovers, because the libraries panic where a schema was registered as a descriptor that no compiler has
// checked, such as one with a field of a kind that there is not, and where the key of a map's entry comes twice, the second time as another
// type (protobuf-go v1.36.12, proto/decode.go, unmarshalMap: found by FuzzProtobuf).
func (s *protobufSchema) appendJSON(dst, value []byte) (written []byte, bad *schema.DecodeError) {
	defer func() {
		if p := recover(); p != nil {
			written, bad = dst, problem(schema.ReasonBadProtobuf, notOfItsSchema)
		}
	}()
	if len(value) > maxMessage {
		return dst, problem(schema.ReasonTooLarge, "a Protobuf message longer than 128 KiB")
	}
	index, payload, ok := messageIndex(value)
	if !ok {
		return dst, problem(schema.ReasonBadProtobuf, "the index of its message cannot be read")
	}
	descriptor, ok := s.message(index)
	if !ok {
		return dst, problem(schema.ReasonBadProtobuf, "its schema has no message with its index")
	}
	m := dynamicpb.NewMessage(descriptor)
	if err := (proto.UnmarshalOptions{AllowPartial: true, RecursionLimit: maxNesting}).Unmarshal(payload, m); err != nil {
		return dst, problem(schema.ReasonBadProtobuf, notOfItsSchema)
	}
	w := messageWriter{most: len(dst) + mostText(len(value))}
	written = w.message(dst, m, 1)
	return written, w.bad
}

const notOfItsSchema = "it is no message of its schema"
