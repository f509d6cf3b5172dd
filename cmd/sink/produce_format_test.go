package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ridesink/internal/serde"
	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// produce_format_test.go: what --format writes is read back as the same rides, and what a registry says at the start is told.

func jsonEncoder(t *testing.T) *serde.Encoder {
	t.Helper()
	e, err := serde.NewEncoder(t.Context(), nil, "", serde.JSON, schema.TLC)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// smallRegistry keeps what is registered under ids from 1 on. Where status is not 0 it registers nothing, and answers that.
type smallRegistry struct {
	*httptest.Server
	status int

	mu sync.Mutex
	// guarded by mu:
	schemas  []json.RawMessage
	subjects []string
}

func newSmallRegistry(t *testing.T, status int) *smallRegistry {
	r := &smallRegistry{status: status}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/types", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `["AVRO","JSON","PROTOBUF"]`) })
	mux.HandleFunc("POST /subjects/{subject}/versions", func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status != 0 {
			w.WriteHeader(r.status)
			fmt.Fprintf(w, `{"error_code":%d,"message":"no"}`, r.status)
			return
		}
		var s json.RawMessage
		_ = json.NewDecoder(request.Body).Decode(&s)
		r.schemas, r.subjects = append(r.schemas, s), append(r.subjects, request.PathValue("subject"))
		fmt.Fprintf(w, `{"id":%d}`, len(r.schemas))
	})
	mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		var id int
		_, _ = fmt.Sscan(request.PathValue("id"), &id)
		_, _ = w.Write(r.schemas[id-1])
	})
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func TestProduceFormats(t *testing.T) {
	t.Parallel()
	brokers, registry := fakeKafka(t), newSmallRegistry(t, 0)
	const n = 300
	for _, format := range []string{"json-schema", "avro", "protobuf"} {
		topic := "rides-" + format
		sum := produced(t, brokers, "--topic", topic, "--partitions=1", "--format", format, "--schema-registry-url", registry.URL, fmt.Sprintf("--synthetic=%d", n), "--seed=5")
		reading, err := serde.NewRegistry(serde.RegistryConfig{URLs: []string{registry.URL}, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		decoder, generator := serde.Formats{Registry: reading}.NewDecoder(), synthetic.New(5, synthetic.Yellow)
		for _, r := range consume(t, brokers, topic, n) {
			want := generator.Next()
			got, err := decoder.Ride(t.Context(), r.Value)
			if err != nil || got != want || string(r.Key) != fmt.Sprint(want.PickupLocationID.Value) {
				t.Fatalf("%s: key %s, %+v, %v; want %+v", format, r.Key, got, err, want)
			}
			if r.Value[0] != 0 {
				t.Fatalf("%s: %q is not in the wire format", format, r.Value)
			}
		}
		if sum.Records != n {
			t.Errorf("%s: summary %+v", format, sum)
		}
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if got := strings.Join(registry.subjects, " "); got != "rides-json-schema-value rides-avro-value rides-protobuf-value" {
		t.Errorf("registered under %s", got)
	}
}

// TestProduceAtARegistryThatRefuses: exit 3 with what to do, before any record.
func TestProduceAtARegistryThatRefuses(t *testing.T) {
	t.Parallel()
	brokers := fakeKafka(t)
	for status, want := range map[int]string{
		http.StatusConflict:     "the schema registry refuses the schema for rides-value (it answers 409 Conflict, error code 409)",
		http.StatusUnauthorized: "it answers 401 Unauthorized",
	} {
		registry := newSmallRegistry(t, status)
		code, _, stderr := command(t, "produce", "--brokers", brokers[0], "--partitions=1", "--format=avro", "--schema-registry-url", registry.URL, "--synthetic=1")
		if code != exitEnvironment || !strings.Contains(stderr, want) {
			t.Errorf("%d: exit code %d, %s; want %s", status, code, stderr, want)
		}
	}
	code, _, stderr := command(t, "produce", "--brokers", brokers[0], "--format=protobuf", "--schema-registry-url=http://127.0.0.1:1", "--synthetic=1")
	if code != exitEnvironment || !strings.Contains(stderr, "the schema registry at http://127.0.0.1:1 does not answer") {
		t.Errorf("without a registry: exit code %d, %s", code, stderr)
	}
}
