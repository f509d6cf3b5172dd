package schema

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// envelope_test.go: what is opened, what is not, and that a ride in an envelope is the ride without one.

const (
	connectSchema  = `{"type":"struct","optional":false,"fields":[{"field":"VendorID","type":"int32"},{"field":"fare_amount","type":"double"}]}`
	debeziumSource = `{"version":"3.6.0.Final","connector":"postgresql","ts_ms":1593563132000,"table":"rides","lsn":1e1000}`
)

// enveloped returns the shapes that are opened, around an object.
func enveloped(inner string) []string {
	event := `{"before":null,"after":` + inner + `,"source":` + debeziumSource + `,"op":"c","ts_ms":1593563132001,"transaction":null}`
	return []string{
		`{"schema":` + connectSchema + `,"payload":` + inner + `}`,
		` { "payload" : ` + inner + ` , "schema" : null } `,
		event,
		`{"op":"u","source":{},"before":{"VendorID":9},"after":` + inner + `}`,
		`{"op":"r","source":{},"after":` + inner + `}`,
		`{"schema":{},"payload":` + event + `}`,
		`{"schema":{},"payload":{"schema":{},"payload":` + inner + `}}`,
	}
}

func TestEnvelopesAreOpened(t *testing.T) {
	t.Parallel()
	seasoned := NewDecoder()
	for _, dialect := range Dialects() {
		for _, inner := range encoded(t, dialect, sampleRides(7, 3)) {
			want, err := DecodeRide(inner)
			if err != nil {
				t.Fatal(err)
			}
			for _, value := range enveloped(string(inner)) {
				requireAgreement(t, seasoned, []byte(value))
				for range 2 {
					if got, err := seasoned.Ride([]byte(value)); err != nil || got != want {
						t.Fatalf("%s:\n%+v, %v; want\n%+v", value, got, err, want)
					}
				}
			}
			requireAgreement(t, seasoned, inner)
		}
	}
	for _, value := range enveloped(`{"VendorID":1,"note":[1.50,NaN],"note2":"\u00e9"}`) {
		got, err := DecodeRide([]byte(value))
		if want := `{"note":[1.50,null],"note2":"\u00e9"}`; err != nil || got.ExtraFields != want {
			t.Errorf("%s: extra fields %s, %v; want %s", value, got.ExtraFields, err, want)
		}
	}
}

// TestEnvelopesKeepPositions holds: an error inside tells where in the whole value.
func TestEnvelopesKeepPositions(t *testing.T) {
	t.Parallel()
	for _, value := range enveloped(`{"VendorID":"BAD"}`) {
		_, err := DecodeRide([]byte(value))
		var bad *DecodeError
		if !errors.As(err, &bad) || bad.Reason != ReasonWrongType || bad.Field != "vendor_id" || bad.Position != bytes.Index([]byte(value), []byte(`"BAD"`)) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestEnvelopesThatAreNone(t *testing.T) {
	t.Parallel()
	const ride = `{"VendorID":1}`
	for scenario, value := range map[string]string{
		"Connect's without a schema":            `{"payload":` + ride + `}`,
		"a schema that is a text":               `{"schema":"x","payload":` + ride + `}`,
		"a schema that is NaN":                  `{"schema":NaN,"payload":` + ride + `}`,
		"a third member":                        `{"schema":null,"payload":` + ride + `,"x":1}`,
		"a payload that is null":                `{"schema":null,"payload":null}`,
		"a payload in a list":                   `{"schema":null,"payload":[` + ride + `]}`,
		"a payload that is JSON in a text":      `{"schema":null,"payload":"{\"VendorID\":1}"}`,
		"two payloads":                          `{"payload":` + ride + `,"payload":` + ride + `}`,
		"a schema and two payloads":             `{"schema":null,"payload":` + ride + `,"payload":` + ride + `}`,
		"another case":                          `{"Schema":null,"Payload":` + ride + `}`,
		"an escape in a name":                   `{"schema":null,"p\u0061yload":` + ride + `}`,
		"an escape in a name beside":            `{"op":"c","source":{},"after":` + ride + `,"aft\u0065r":{}}`,
		"Debezium's delete":                     `{"before":` + ride + `,"after":null,"source":{},"op":"d"}`,
		"a delete with an after":                `{"after":` + ride + `,"source":{},"op":"d"}`,
		"a truncate":                            `{"source":{},"op":"t"}`,
		"an update to nothing":                  `{"after":null,"source":{},"op":"u"}`,
		"no op":                                 `{"after":` + ride + `,"source":{}}`,
		"an op in words":                        `{"after":` + ride + `,"source":{},"op":"create"}`,
		"an empty op":                           `{"after":` + ride + `,"source":{},"op":""}`,
		"an op that is a number":                `{"after":` + ride + `,"source":{},"op":101}`,
		"an op that is escaped":                 `{"after":` + ride + `,"source":{},"op":"\u0063"}`,
		"no source":                             `{"after":` + ride + `,"op":"c"}`,
		"a source that is null":                 `{"after":` + ride + `,"source":null,"op":"c"}`,
		"two afters":                            `{"after":{},"after":` + ride + `,"source":{},"op":"c"}`,
		"nothing in it":                         `{"schema":null,"payload":{}}`,
		"another record in it":                  `{"schema":null,"payload":{"weather":"rain"}}`,
		"three of them":                         `{"schema":null,"payload":{"schema":null,"payload":{"schema":null,"payload":` + ride + `}}}`,
		"a change event of a delete in Connect": `{"schema":{},"payload":{"before":` + ride + `,"after":null,"source":{},"op":"d"}}`,
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			_, err := DecodeRide([]byte(value))
			var bad *DecodeError
			if !errors.As(err, &bad) || bad.Reason != ReasonNoKnownField {
				t.Errorf("%s: %v, want %s", value, err, ReasonNoKnownField)
			}
			requireVerdict(t, []byte(value))
		})
	}
}

// TestEnvelopesBesideFields holds: where the object itself has a field of a ride, what looks like an envelope is an undeclared field.
func TestEnvelopesBesideFields(t *testing.T) {
	t.Parallel()
	got, err := DecodeRide([]byte(`{"VendorID":1,"after":{"VendorID":2},"op":"c","source":{}}`))
	want := Ride{VendorID: Some[int32](1), ExtraFields: `{"after":{"VendorID":2},"op":"c","source":{}}`}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if ride, err := NewBareDecoder().Ride([]byte(`{"schema":null,"payload":{"VendorID":2}}`)); err == nil {
		t.Errorf("a bare decoder opens an envelope: %+v", ride)
	}
	// Only undeclared fields is nothing that a dialect can write: it would come back as another ride.
	if value, err := (Ride{ExtraFields: `{"schema":null,"payload":{"VendorID":2}}`}).AppendJSON(nil, Java); err == nil {
		t.Errorf("written as %s", value)
	}
}

// TestEnvelopesAgainstTheOracle composes envelopes of all that the rules speak of, and damages them.
func TestEnvelopesAgainstTheOracle(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(testSeed(t), 4))
	seasoned := NewDecoder()
	for range 2_000 {
		value := composedEnvelope(random, 3)
		requireVerdict(t, value)
		requireAgreement(t, seasoned, value)
		value = damaged(random, value, `{}[]",:nulcrud\`+"\x00")
		requireVerdict(t, value)
		requireAgreement(t, seasoned, value)
	}
}

// composedEnvelope returns an envelope, or nearly one.
func composedEnvelope(random *rand.Rand, levels int) []byte {
	if levels == 0 || random.IntN(3) == 0 {
		return composed(random)
	}
	inner := composedEnvelope(random, levels-1)
	switch random.IntN(6) {
	case 0:
		return fmt.Appendf(nil, `{"schema":null,"payload":%s}`, inner)
	case 1:
		return fmt.Appendf(nil, `{"payload":%s, "schema":%s}`, inner, connectSchema)
	case 2, 3:
		op := []string{"c", "r", "u", "d"}[random.IntN(4)]
		return fmt.Appendf(nil, `{"before":%s,"after":%s,"source":%s,"op":"%s"}`, composed(random), inner, debeziumSource, op)
	}
	names := []string{"schema", "payload", "after", "op", "source", "before", `p\u0061yload`}
	values := []string{string(inner), "null", "{}", `"c"`, `"u"`, "1", "[]"}
	b := []byte(`{"schema":{}`)
	if random.IntN(2) == 0 {
		b = []byte(`{"op":"c","source":{}`)
	}
	for range 1 + random.IntN(2) {
		b = fmt.Appendf(b, `,"%s":%s`, names[random.IntN(len(names))], values[random.IntN(len(values))])
	}
	return append(b, '}')
}

// BenchmarkEnvelope reads a Debezium event with its Connect schema.
func BenchmarkEnvelope(b *testing.B) {
	d := NewDecoder()
	value := []byte(enveloped(string(encoded(b, TLC, sampleRides(7, 1))[0]))[5])
	var row []byte
	var err error
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if row, err = d.AppendRow(row[:0], anywhere, value); err != nil {
			b.Fatal(err)
		}
	}
}
