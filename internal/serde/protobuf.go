package serde

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
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
func parseProtobuf(text string, references []reference) (*protobufSchema, error) {
	if file, ok := fileOfBase64(text); ok {
		return linkFile(file, references)
	}
	files := map[string]string{mainFile: text}
	for _, r := range references {
		files[r.name] = r.text
	}
	sources := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		text, known := files[path]
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
	compiled, err := compiler.Compile(context.Background(), mainFile)
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
	return file, proto.Unmarshal(b, file) == nil
}

// linkFile links a file with those that it imports, which are there before it, or are Protobuf's own.
func linkFile(file *descriptorpb.FileDescriptorProto, references []reference) (*protobufSchema, error) {
	linked := &protoregistry.Files{}
	for _, r := range references {
		imported, ok := fileOfBase64(r.text)
		if !ok {
			return nil, fmt.Errorf("it imports %q, which is not in base64 as it is itself", r.name)
		}
		imported.Name = proto.String(r.name)
		d, err := protodesc.NewFile(imported, resolver{linked})
		if err != nil {
			return nil, err
		}
		if err := linked.RegisterFile(d); err != nil {
			return nil, err
		}
	}
	d, err := protodesc.NewFile(file, resolver{linked})
	if err != nil {
		return nil, err
	}
	return &protobufSchema{file: d}, nil
}

// resolver finds imported files, and Protobuf's own behind them.
type resolver struct{ *protoregistry.Files }

// FindFileByPath implements protodesc.Resolver.
func (r resolver) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	d, err := r.Files.FindFileByPath(path)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindFileByPath(path)
	}
	return d, err
}

// FindDescriptorByName implements protodesc.Resolver.
func (r resolver) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	d, err := r.Files.FindDescriptorByName(name)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindDescriptorByName(name)
	}
	return d, err
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

// appendJSON implements transcoder.
func (s *protobufSchema) appendJSON(dst, value []byte) ([]byte, *schema.DecodeError) {
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
		return dst, problem(schema.ReasonBadProtobuf, "it is no message of its schema")
	}
	w := messageWriter{most: len(dst) + maxText}
	dst = w.message(dst, m, 1)
	return dst, w.bad
}
