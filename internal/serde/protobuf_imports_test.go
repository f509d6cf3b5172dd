package serde

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"ridesink/schema"
)

// TestProtobufImports holds: a schema that imports what Confluent's serializers never register can be read; decimals are exact.
func TestProtobufImports(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.add(1, "PROTOBUF", `syntax = "proto3";
import "confluent/meta.proto";
import "confluent/types/decimal.proto";
import "google/type/decimal.proto";
message Ride {
  option (confluent.message_meta) = {doc: "As Kafka Connect writes it."};
  int32 PULocationID = 1;
  confluent.type.Decimal fare_amount = 2 [(confluent.field_meta) = {params: [{key: "precision", value: "9"}, {key: "scale", value: "2"}]}];
  google.type.Decimal tip_amount = 3;
  confluent.type.Decimal total_amount = 4;
}`)
	d := f.formats(t).NewDecoder()
	want := schema.Ride{PickupLocationID: schema.Some[int32](75), FareAmount: "-12.05", TipAmount: "2.50", TotalAmount: "0"}
	wantRide(t, d, framedAs(1, 0, 8, 75, 18, 8, 10, 2, 0xfb, 0x4b, 16, 9, 24, 2, 26, 6, 10, 4, '2', '.', '5', '0', 34, 0), want)
	for _, bad := range [][]byte{
		{0, 18, 4, 24, 0xe9, 0x07, 16}, // a scale of 1001, cut off
		{0, 18, 3, 24, 0xe9, 0x07},
		{0, 18, 11, 24, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, // -1
		append([]byte{0, 18, 0xa8, 3, 10, 0xa5, 3}, make([]byte, maxUnscaled+1)...),
	} {
		if _, err := d.Ride(t.Context(), framedAs(1, bad...)); err == nil {
			t.Errorf("%x is a ride", bad[:min(len(bad), 20)])
		}
	}

	// Each file that is brought compiles.
	err := fs.WalkDir(imports, "imports", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		_, err = parseProtobuf(context.Background(), `syntax = "proto3"; import "`+strings.TrimPrefix(path, "imports/")+`"; message M {}`, nil)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := parseProtobuf(context.Background(), `syntax = "proto3"; import "../protobuf.go"; message M {}`, nil); err == nil {
		t.Error("a file beside those that are brought is found")
	}
}

// TestProtobufNamesakes holds: messages that only have the names of well-known types are messages like any other.
func TestProtobufNamesakes(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	for i, c := range []struct{ namespace, name, fields string }{
		{"google.protobuf", "Timestamp", "string seconds = 1; int32 nanos = 2;"},
		{"google.protobuf", "Timestamp", "int64 seconds = 1;"},
		{"google.protobuf", "Duration", "repeated int64 seconds = 1; int32 nanos = 2;"},
		{"google.type", "Decimal", "string other = 2;"},
		{"google.type", "Decimal", "bytes value = 1;"},
		{"confluent.type", "Decimal", "string value = 1; int32 scale = 3;"},
		{"confluent.type", "Decimal", "bytes value = 1; uint32 scale = 3;"},
		{"google.protobuf", "DoubleValue", "string other = 2;"},
		{"google.protobuf", "Int32Value", "map<string, int32> value = 1;"},
	} {
		f.add(i, "PROTOBUF", `syntax = "proto3"; package `+c.namespace+`; message Ride { int32 PULocationID = 1; `+c.name+` fare_amount = 2; } message `+c.name+` {`+c.fields+`}`)
		wantBad(t, f.formats(t).NewDecoder(), framedAs(i, 0, 8, 75, 18, 0), schema.ReasonWrongType) // an object
	}
	f.add(100, "PROTOBUF", `syntax = "proto3"; package google.protobuf; message Ride { int32 PULocationID = 1; Int64Value fare_amount = 2; } message Int64Value { Int64Value value = 1; }`)
	wantRide(t, f.formats(t).NewDecoder(), framedAs(100, 0, 8, 75), schema.Ride{PickupLocationID: schema.Some[int32](75)})
}

// TestProtobufUncheckedDescriptor holds: a descriptor that no compiler has checked, with a field of a kind that there is not, makes bad records only.
func TestProtobufUncheckedDescriptor(t *testing.T) {
	t.Parallel()
	file := protodesc.ToFileDescriptorProto(compiledProto(t, `syntax = "proto3"; message Ride { int32 PULocationID = 1; int32 odd = 2; }`))
	for i, kind := range []descriptorpb.FieldDescriptorProto_Type{0, 25, -1} {
		file.GetMessageType()[0].GetField()[1].Type = kind.Enum()
		f := newFakeRegistry(t)
		f.add(i, "PROTOBUF", descriptorText(t, file))
		wantBad(t, f.formats(t).NewDecoder(), framedAs(i, 0, 8, 75), schema.ReasonBadProtobuf)
	}
}
