package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
)

// hostile_values_test.go: a producer that sends whatever it likes, in each format, stops nothing and takes no memory.

// hostileValues is how many values of each format are sent.
const hostileValues = 10_000

const hostileAvro = `{"type":"record","name":"Ride","fields":[
	{"name":"PULocationID","type":["null","int"]},
	{"name":"tpep_pickup_datetime","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"fare_amount","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}},
	{"name":"store_and_fwd_flag","type":"string"},
	{"name":"tags","type":{"type":"map","values":{"type":"array","items":"null"}}},
	{"name":"next","type":["null","Ride"]}]}`

const hostileProtobuf = `syntax = "proto3"; import "google/protobuf/timestamp.proto";
message Ride { int32 PULocationID = 1; google.protobuf.Timestamp tpep_pickup_datetime = 2; double fare_amount = 3; string store_and_fwd_flag = 4; map<string, Ride> tags = 5; repeated Ride next = 6; }`

// TestHostileValues holds: of 10,000 values a format that were damaged in every way, each is a row or a dead letter, the sink stays within its memory
// and goes on to the rides behind them, and verify proves it.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	registry := localenv.SchemaRegistry(t)
	jsonRide := []byte(`{"PULocationID":75,"tpep_pickup_datetime":"2020-07-01 00:25:32","fare_amount":9.30,"tags":{"a":[null,null]},"store_and_fwd_flag":"N"}`)
	avroRide := avroOf(t, hostileAvro, map[string]any{
		"PULocationID": 75, "tpep_pickup_datetime": time.Date(2020, 7, 1, 0, 25, 32, 0, time.UTC), "fare_amount": "9.30", "store_and_fwd_flag": "N",
		"tags": map[string]any{"a": []any{nil, nil}}, "next": nil,
	})
	protobufRide := []byte{0, 8, 75, 18, 6, 8, 0xdc, 0xc5, 0xf0, 0xf7, 5, 25, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0x22, 0x40, 34, 1, 'N', 42, 7, 10, 1, 'a', 18, 2, 8, 1, 50, 2, 8, 2}
	for _, c := range []struct {
		name, kind, schema string
		value              []byte
		flags              []string
	}{
		{name: "JSON", value: jsonRide},
		{name: "JSON Schema", kind: "JSON", schema: `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Ride","type":"object"}`, value: jsonRide},
		{name: "Avro", kind: "AVRO", schema: hostileAvro, value: avroRide},
		{name: "Protobuf", kind: "PROTOBUF", schema: hostileProtobuf, value: protobufRide},
		{
			name: "CSV", value: []byte("75,2020-07-01 00:25:32,9.30,N,\"a \"\"b\"\"\"\r\n"),
			flags: []string{"--value-format=csv", "--csv-columns=PULocationID,tpep_pickup_datetime,fare_amount,store_and_fwd_flag,note"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			value := c.value
			if c.schema != "" {
				id := registerSchema(t, registry, s.topic()+"-value", c.kind, c.schema)
				value = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), value...)
			}
			r := random(t)
			records := []sent{{record: &kgo.Record{Topic: s.topic(), Value: value}}}
			for i := range hostileValues {
				records = append(records, sent{record: &kgo.Record{Topic: s.topic(), Partition: int32(i % 2), Value: damaged(r, value)}})
			}
			s.publish(records)
			flags := append([]string{"--max-dead-letters=off", "--schema-registry-url=" + registry}, c.flags...)
			p := s.backfill(flags...)
			peak := p.watchMemory()
			p.wantExit(4, time.Minute)
			totals := summaryOf(t, p).Totals
			t.Logf("%d rows, %d dead letters", totals.Inserted, totals.DeadLetters)
			if got := totals.Inserted + totals.DeadLetters; got != int64(len(records)) || totals.Inserted == 0 || totals.DeadLetters < hostileValues/4 {
				t.Errorf("%d records are accounted for, want %d: %+v", got, len(records), totals)
			}
			wantPeak(t, peak(), memoryBytes+restOfProcess)
			s.checkAtEnd(t)

			s.publish([]sent{{record: &kgo.Record{Topic: s.topic(), Value: value}}, {record: &kgo.Record{Topic: s.topic(), Partition: 1, Value: value}}})
			if got := s.backfilled(4, flags...).ThisRun.Inserted; got != 2 {
				t.Errorf("%d of the 2 rides behind them are stored", got)
			}
			verify := s.start(append([]string{"verify", "--schema-registry-url=" + registry}, c.flags...)...)
			verify.wantExit(0, time.Minute)
		})
	}
}

// damaged returns a copy of value with some damage: bits, lengths, pieces cut out, doubled or put in, the whole made anew. The id of its schema mostly
// stays, for another id is the smallest of troubles.
func damaged(r *rand.Rand, value []byte) []byte {
	b := bytes.Clone(value)
	first := 0
	if b[0] == 0 && r.IntN(50) > 0 {
		first = 5
	}
	for range 1 + r.IntN(4) {
		at := first + r.IntN(max(1, len(b)-first))
		switch at = min(at, len(b)); r.IntN(8) {
		case 0:
			b = b[:at]
		case 1:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		case 2: // a long varint: lengths, counts, numbers
			b = append(b[:at:at], append(binary.AppendVarint(nil, int64(r.Uint64())>>r.IntN(64)), b[at:]...)...)
		case 3:
			piece := b[at:min(len(b), at+1+r.IntN(16))]
			b = append(b[:at:at], append(bytes.Repeat(piece, 1+r.IntN(200)), b[at:]...)...)
		case 4:
			noise := make([]byte, r.IntN(64))
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			b = append(b[:at:at], append(noise, b[at:]...)...)
		case 5:
			b = append(b[:at:at], b[min(len(b), at+1+r.IntN(8)):]...)
		case 6:
			b = append(b[:at:at], append([]byte(strings.Repeat(string(`[{"`[r.IntN(3)]), r.IntN(300))), b[at:]...)...)
		default:
			if at < len(b) {
				b[at] = byte(r.Uint32())
			}
		}
	}
	return b
}

func avroOf(t testing.TB, text string, value any) []byte {
	t.Helper()
	s, err := avro.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// registerSchema registers a schema and returns its id.
func registerSchema(t testing.TB, registry, subject, kind, text string) int {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"schemaType": kind, "schema": text})
	answer, err := http.Post(registry+"/subjects/"+subject+"/versions", "application/vnd.schemaregistry.v1+json", bytes.NewReader(body))
	if err != nil {
		t.Fatalf("register a schema: %v", err)
	}
	defer answer.Body.Close()
	var registered struct{ ID int }
	if err := json.NewDecoder(answer.Body).Decode(&registered); err != nil || registered.ID == 0 {
		t.Fatalf("register a schema: %s, %v", answer.Status, err)
	}
	return registered.ID
}

// framedRecord is a record whose value is in the wire format.
func framedRecord(topic string, id uint32, payload []byte) *kgo.Record {
	return &kgo.Record{Topic: topic, Value: append(binary.BigEndian.AppendUint32([]byte{0}, id), payload...), Timestamp: epoch()}
}
