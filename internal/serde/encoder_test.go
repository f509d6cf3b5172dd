package serde

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// encoder_test.go: what is written is read back as the same ride, by our decoder and by libraries that share no code with it.

// newEncoder registers with f under rides-value.
func newEncoder(t testing.TB, f *fakeRegistry, encoding Encoding, dialect schema.Dialect) *Encoder {
	t.Helper()
	e, err := NewEncoder(t.Context(), f.formats(t).Registry, "rides-value", encoding, dialect)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// anyRide draws a ride as the decoder could have returned it, without undeclared fields. Any field may be missing, but not all.
func anyRide(t *rapid.T) schema.Ride {
	var ride schema.Ride
	present := false
	for _, f := range schema.Fields() {
		if !rapid.Bool().Draw(t, f.Column) {
			continue
		}
		switch field := f.Of(&ride).(type) {
		case *schema.Null[time.Time]:
			const first, last = -62_135_596_800_000_000, 253_402_300_799_999_999 // the years 1 to 9999
			*field = schema.Some(time.UnixMicro(rapid.Int64Range(first, last).Draw(t, "micros")).UTC())
			present = true
		case *schema.Null[int32]:
			*field = schema.Some(rapid.Int32().Draw(t, "integer"))
			present = true
		case *string:
			*field = rapid.StringMatching(`[^\x00]{0,300}`).Draw(t, "text")
			present = present || *field != ""
		case *schema.Decimal:
			*field = schema.Decimal(rapid.StringMatching(`(0|-?[1-9][0-9]{0,40})(\.[0-9]{0,20}[1-9])?|0|-0\.[0-9]{0,5}[1-9]0{0,3}|0\.0{1,9}`).Draw(t, "decimal"))
			present = true
		}
	}
	if !present {
		ride.VendorID = schema.Some[int32](0)
	}
	return ride
}

func TestEncodedIsDecodedAgain(t *testing.T) {
	t.Parallel()
	for _, encoding := range []Encoding{Avro, Protobuf} {
		t.Run(encoding.String(), func(t *testing.T) {
			t.Parallel()
			f := newFakeRegistry(t)
			e, d := newEncoder(t, f, encoding, schema.TLC), f.formats(t).NewDecoder()
			library := libraryAvro
			if encoding == Protobuf {
				library = libraryProtobuf
			}
			read := library(t)
			rapid.Check(t, func(t *rapid.T) {
				ride := anyRide(t)
				value, err := e.AppendRide([]byte("kept"), &ride)
				if err != nil {
					t.Fatal(err)
				}
				value = value[len("kept"):]
				for range 2 { // the second time along the layout of the first
					if got, err := d.Ride(t.Context(), value); err != nil || got != ride {
						t.Fatalf("decoded\n%+v, %v; want\n%+v", got, err, ride)
					}
				}
				if got := read(t, value[wireHeader:]); got != ride {
					t.Fatalf("the library reads\n%+v, want\n%+v", got, ride)
				}
			})
		})
	}
}

// libraryAvro reads a ride by its schema with the library.
func libraryAvro(t *testing.T) func(rapid.TB, []byte) schema.Ride {
	s, err := avro.Parse(avroRide(schema.Fields()))
	if err != nil {
		t.Fatal(err)
	}
	return func(t rapid.TB, value []byte) (ride schema.Ride) {
		t.Helper()
		var record map[string]any
		if rest, err := s.Decode(value, &record); err != nil || len(rest) > 0 {
			t.Fatalf("%d bytes left, %v", len(rest), err)
		}
		for _, f := range schema.Fields() {
			v, known := record[f.Column]
			switch field := f.Of(&ride).(type) {
			case *schema.Null[time.Time]:
				if v != nil {
					*field = schema.Some(v.(time.Time).UTC())
				}
			case *schema.Null[int32]:
				if v != nil {
					*field = schema.Some(v.(int32))
				}
			case *string:
				*field, _ = v.(string)
			case *schema.Decimal:
				text, _ := v.(string)
				*field = schema.Decimal(text)
			}
			if !known {
				t.Fatalf("the record has no %s", f.Column)
			}
		}
		return ride
	}
}

// libraryProtobuf reads a ride with dynamicpb.
func libraryProtobuf(t *testing.T) func(rapid.TB, []byte) schema.Ride {
	s, err := parseProtobuf(context.Background(), protobufRide(schema.Fields()), nil)
	if err != nil {
		t.Fatal(err)
	}
	descriptor := s.file.Messages().ByName("Ride")
	return func(t rapid.TB, value []byte) (ride schema.Ride) {
		t.Helper()
		if value[0] != 0 {
			t.Fatalf("the index of the message is %d", value[0])
		}
		m := dynamicpb.NewMessage(descriptor)
		if err := proto.Unmarshal(value[1:], m); err != nil || len(m.GetUnknown()) > 0 {
			t.Fatalf("%d bytes unknown, %v", len(m.GetUnknown()), err)
		}
		for i, f := range schema.Fields() {
			d := descriptor.Fields().ByNumber(fieldNumber(i))
			if string(d.Name()) != f.Column {
				t.Fatalf("the number %d is %s, want %s", fieldNumber(i), d.Name(), f.Column)
			}
			if !m.Has(d) {
				continue
			}
			v := m.Get(d)
			switch field := f.Of(&ride).(type) {
			case *schema.Null[time.Time]:
				of := v.Message().Descriptor().Fields()
				*field = schema.Some(time.Unix(v.Message().Get(of.ByName("seconds")).Int(), v.Message().Get(of.ByName("nanos")).Int()).UTC())
			case *schema.Null[int32]:
				*field = schema.Some(int32(v.Int())) // an int32 there
			case *string:
				*field = v.String()
			case *schema.Decimal:
				*field = schema.Decimal(v.String())
			}
		}
		return ride
	}
}

// TestJSONSchemaDescribesItsDialect holds: every value is valid by the schema, whose properties name all that a ride's own fields become, and comes back.
func TestJSONSchemaDescribesItsDialect(t *testing.T) {
	t.Parallel()
	for _, dialect := range schema.Dialects() {
		if CheckDialect(JSONSchema, dialect) != nil {
			continue
		}
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			f := newFakeRegistry(t)
			e, d := newEncoder(t, f, JSONSchema, dialect), f.formats(t).NewDecoder()
			text := jsonSchema(schema.Fields(), dialect)
			if !strings.Contains(text, `"type":"object"`) {
				t.Fatalf("%s", text)
			}
			closed, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.TrimSuffix(text, "}") + `,"additionalProperties":false}`))
			if err != nil {
				t.Fatal(err)
			}
			compiler := jsonschema.NewCompiler()
			if err := compiler.AddResource("ride.json", closed); err != nil {
				t.Fatal(err)
			}
			s, err := compiler.Compile("ride.json")
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				ride := anyRide(t)
				ride.TaxiType = rapid.SampledFrom([]string{"", "yellow", "green", "fhv"}).Draw(t, "taxi")
				value, err := e.AppendRide(nil, &ride)
				if err != nil {
					t.Skip(err) // a year or a ride that the dialect has not
				}
				instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(value[wireHeader:])))
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Validate(instance); err != nil {
					t.Fatalf("%s: %v", value[wireHeader:], err)
				}
				plain, err := ride.AppendJSON(nil, dialect)
				if err != nil {
					t.Fatal(err)
				}
				want, err := schema.DecodeRide(plain)
				if err != nil {
					t.Fatal(err)
				}
				if dialect != schema.Minimal && want.FareAmount != ride.FareAmount {
					t.Fatalf("fare_amount is %s, want %s", want.FareAmount, ride.FareAmount)
				}
				if got, err := d.Ride(t.Context(), value); err != nil || got != want {
					t.Fatalf("decoded\n%+v, %v; want\n%+v", got, err, want)
				}
			})
		})
	}
	if CheckDialect(JSONSchema, schema.GreenFrame) == nil {
		t.Error("a schema for NaN")
	}
}

func TestEncoderRefuses(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	for _, c := range []struct {
		ride schema.Ride
		want string
	}{
		{schema.Ride{VendorID: schema.Some[int32](1), ExtraFields: `{"a":1}`}, "fields that nobody declared"},
		{schema.Ride{StoreAndFwdFlag: "a\x00"}, "store_and_fwd_flag has a NUL at byte 1"},
		{schema.Ride{TaxiType: "\xff"}, "taxi_type has bad UTF-8 at byte 0"},
		{schema.Ride{FareAmount: "nine"}, "fare_amount is not a decimal number"},
		{schema.Ride{FareAmount: "1e1000"}, "fare_amount has more than 1000 digits"},
		{schema.Ride{PickupDatetime: schema.Some(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))}, "pickup_datetime is in the year 10000"},
		{schema.Ride{PickupDatetime: schema.Some(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC))}, "pickup_datetime is in the year 0"},
	} {
		for _, encoding := range []Encoding{Avro, Protobuf} {
			got, err := newEncoder(t, f, encoding, schema.TLC).AppendRide([]byte("kept"), &c.ride)
			if string(got) != "kept" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %q, %v; want %q", encoding, got, err, c.want)
			}
		}
	}
	if _, err := newEncoder(t, f, Protobuf, schema.TLC).AppendRide(nil, &schema.Ride{}); err == nil {
		t.Error("a Protobuf message of nothing")
	}
	value, err := newEncoder(t, f, Avro, schema.TLC).AppendRide(nil, &schema.Ride{})
	if err != nil {
		t.Fatal(err)
	}
	wantRide(t, f.formats(t).NewDecoder(), value, schema.Ride{}) // all its names are known
}

// TestEncoderWritesPlainDecimals holds: decimals become what PostgreSQL prints, clocks are those of their location.
func TestEncoderWritesPlainDecimals(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	f := newFakeRegistry(t)
	ride := schema.Ride{
		FareAmount: ".30", TipAmount: "1e3", Extra: "+9.30", PickupDatetime: schema.Some(time.Date(2020, 7, 1, 0, 25, 32, 123456789, newYork)),
		DropoffDatetime: schema.Some(time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, newYork)),
	}
	want := schema.Ride{
		FareAmount: "0.30", TipAmount: "1000", Extra: "9.30", PickupDatetime: schema.Some(time.Date(2020, 7, 1, 0, 25, 32, 123456000, time.UTC)),
		DropoffDatetime: schema.Some(time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC)),
	}
	for _, encoding := range []Encoding{Avro, Protobuf} {
		value, err := newEncoder(t, f, encoding, schema.TLC).AppendRide(nil, &ride)
		if err != nil {
			t.Fatal(err)
		}
		wantRide(t, f.formats(t).NewDecoder(), value, want)
	}
}

// TestEncoderOfMadeUpRides has all formats in one topic, as sink produce --synthetic sends them.
func TestEncoderOfMadeUpRides(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	d := f.formats(t).NewDecoder()
	rides := synthetic.New(5, synthetic.Green)
	var encoders []*Encoder
	for _, encoding := range Encodings() {
		encoders = append(encoders, newEncoder(t, f, encoding, schema.TLC))
	}
	for range 500 {
		ride := rides.Next()
		for _, e := range encoders {
			value, err := e.AppendRide(nil, &ride)
			if err != nil {
				t.Fatal(err)
			}
			wantRide(t, d, value, ride)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.schemas) != 3 || f.registered["rides-value"] != 3 {
		t.Errorf("%d schemas, registered %v, want 3 under rides-value", len(f.schemas), f.registered)
	}
}

func TestRegistryThatDoesNotRegister(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	for _, c := range []struct {
		status, code int
		body         string
		refused      bool
		want         string
	}{
		{http.StatusConflict, 409, "", true, "refuses the schema for rides-value (it answers 409 Conflict, error code 409)"},
		{http.StatusUnprocessableEntity, 42201, "", true, "it answers 422 Unprocessable Entity, error code 42201"},
		{http.StatusUnauthorized, 401, "", false, "it answers 401 Unauthorized"},
		{http.StatusForbidden, 40301, "", false, "it answers 403 Forbidden"},
		{http.StatusInternalServerError, 50001, "", false, "it answers 500"},
		{http.StatusOK, 0, `{"id": 4294967297}`, false, "it answers with the id 4294967297"},
		{http.StatusOK, 0, `{}`, false, "it answers with the id 0"},
	} {
		f.failing(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(c.status)
			if c.body == "" {
				c.body = fmt.Sprintf(`{"error_code": %d, "message": "Schema being registered is incompatible"}`, c.code)
			}
			_, _ = w.Write([]byte(c.body))
			return true
		})
		_, err := NewEncoder(t.Context(), f.formats(t).Registry, "rides-value", Avro, schema.TLC)
		var refused *RefusedError
		var away *UnavailableError
		if errors.As(err, &refused) != c.refused || errors.As(err, &away) == c.refused || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%d: %v; want refused %t, %s", c.status, err, c.refused, c.want)
		}
	}
	f.Close()
	_, err := NewEncoder(t.Context(), f.formats(t).Registry, "rides-value", Protobuf, schema.TLC)
	var away *UnavailableError
	if !errors.As(err, &away) {
		t.Errorf("without a registry: %v", err)
	}
}
