package serde

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"ridesink/schema"
)

const rideProto = `syntax = "proto3";
package nyc;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Other { int32 x = 1; }
message Outer {
  message Ride {
    enum Flag { N = 0; Y = 1; }
    optional int32 VendorID = 1;
    google.protobuf.Timestamp tpep_pickup_datetime = 2;
    int64 PULocationID = 3;
    double fare_amount = 4;
    google.protobuf.DoubleValue tip_amount = 5;
    google.protobuf.StringValue total_amount = 6;
    Flag store_and_fwd_flag = 7;
    repeated int32 list = 8;
    map<string, bool> table = 9;
    Other other = 10;
    bytes raw = 11;
    float trip_distance = 12;
    oneof which { string left = 13; uint64 right = 14; }
    optional sint32 passenger_count = 15;
  }
}`

// compiledProto is a schema as the library has it.
func compiledProto(t testing.TB, text string) protoreflect.FileDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"x.proto": text})})}
	files, err := compiler.Compile(context.Background(), "x.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0]
}

// protoValue is a message as the library writes it.
func protoValue(t testing.TB, d protoreflect.MessageDescriptor, json string) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	if err := protojson.Unmarshal([]byte(json), m); err != nil {
		t.Fatal(err)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// descriptorText is a schema as Confluent's serializer in Python registers it.
func descriptorText(t *testing.T, file *descriptorpb.FileDescriptorProto) string {
	t.Helper()
	b, err := proto.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// withoutJSONNames leaves out what generated code leaves out.
func withoutJSONNames(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		for _, f := range m.GetField() {
			f.JsonName = nil
		}
		withoutJSONNames(m.GetNestedType())
	}
}

func TestProtobufRide(t *testing.T) {
	t.Parallel()
	file := compiledProto(t, rideProto)
	descriptor := file.Messages().ByName("Outer").Messages().ByName("Ride")
	f := newFakeRegistry(t)
	f.add(1, "PROTOBUF", rideProto)
	asDescriptor := protodesc.ToFileDescriptorProto(file)
	f.add(2, "PROTOBUF", descriptorText(t, asDescriptor))
	withoutJSONNames(asDescriptor.GetMessageType())
	f.add(3, "PROTOBUF", descriptorText(t, asDescriptor))
	d := f.formats(t).NewDecoder()
	index := []byte{4, 2, 0} // two numbers: 1, 0
	for id := 1; id <= 3; id++ {
		value := protoValue(t, descriptor, `{"VendorID":0,"tpep_pickup_datetime":"2020-07-01T00:25:32.123456789Z","PULocationID":"75","fare_amount":9.3,"tip_amount":-0.1,
			"total_amount":"12.30","store_and_fwd_flag":"Y","list":[1,2],"table":{"b":true,"a":false},"other":{"x":7},"raw":"AP8=","trip_distance":0.1,"right":"18446744073709551615"}`)
		want := schema.Ride{
			VendorID: schema.Some[int32](0), PickupDatetime: schema.Some(time.Date(2020, 7, 1, 0, 25, 32, 123456000, time.UTC)), PickupLocationID: schema.Some[int32](75),
			FareAmount: "9.3", TipAmount: "-0.1", TotalAmount: "12.30", StoreAndFwdFlag: "Y", TaxiType: "yellow", TripDistance: "0.1",
			ExtraFields: `{"list":[1,2],"table":{"a":false,"b":true},"other":{"x":7},"raw":"AP8=","right":18446744073709551615}`,
		}
		wantRide(t, d, framedAs(id, append(bytes.Clone(index), value...)...), want)
		// What is missing is left out, unless its type cannot say so.
		wantRide(t, d, framedAs(id, index...), schema.Ride{PickupLocationID: schema.Some[int32](0), FareAmount: "0", TripDistance: "0", StoreAndFwdFlag: "N", ExtraFields: `{"raw":""}`})
		for _, bad := range [][]byte{{}, {4}, {4, 2}, {2, 8}, {4, 2, 2}, {4, 2, 1}, {1}, {66}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, append(bytes.Clone(index), 0xff), append(bytes.Clone(index), 10, 5)} {
			wantBad(t, d, framedAs(id, bad...), schema.ReasonBadProtobuf)
		}
		wantBad(t, d, framedAs(id, append([]byte{0}, 8, 1)...), schema.ReasonNoKnownField) // the first message, as a single zero
		wantBad(t, d, framedAs(id, append([]byte{2, 0}, 8, 1)...), schema.ReasonNoKnownField)
		wantBad(t, d, framedAs(id, append(bytes.Clone(index), 18, 12, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 16, 0)...), schema.ReasonBadTime)
	}
	wantBad(t, d, framedAs(1, append(bytes.Clone(index), make([]byte, maxMessage)...)...), schema.ReasonTooLarge)
}

// TestProtobufBombs holds: a few bytes that stand for a lot are bad records.
func TestProtobufBombs(t *testing.T) {
	t.Parallel()
	var wide strings.Builder
	wide.WriteString(`syntax = "proto3"; message W {`)
	for i := range 1000 {
		wide.WriteString("int32 a_field_of_a_long_name_that_is_zero_")
		wide.WriteString(strings.Repeat("x", i%7))
		wide.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + strings.Repeat("y", i/7%5))
		wide.WriteString(" = " + itoa(i+1) + ";\n")
	}
	wide.WriteString(`} message M { int32 PULocationID = 1; repeated W w = 2; M deeper = 3; }`)
	f := newFakeRegistry(t)
	f.add(1, "PROTOBUF", wide.String())
	d := f.formats(t).NewDecoder()
	index := []byte{2, 2}
	wantBad(t, d, framedAs(1, append(bytes.Clone(index), bytes.Repeat([]byte{18, 0}, 30_000)...)...), schema.ReasonTooLarge)
	var deep []byte
	for range 100 {
		deep = append(append([]byte{26}, varint(len(deep))...), deep...)
	}
	wantBad(t, d, framedAs(1, append(bytes.Clone(index), deep...)...), schema.ReasonBadProtobuf)
}

func itoa(i int) string { return string(appendFloat(nil, float64(i), 64)) }

func varint(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
