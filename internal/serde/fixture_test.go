package serde

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ridesink/schema"
)

// fakeRegistry is a registry in memory. The real one is used in internal/e2e; this one answers as a test wants it to.
type fakeRegistry struct {
	*httptest.Server
	mu sync.Mutex
	// guarded by mu:
	schemas  map[int]map[string]any // by id
	versions map[string]map[string]any
	asked    map[string]int

	registered map[string]int // by subject

	fail func(http.ResponseWriter, *http.Request) bool
}

func newFakeRegistry(t testing.TB) *fakeRegistry {
	f := &fakeRegistry{schemas: map[int]map[string]any{}, versions: map[string]map[string]any{}, asked: map[string]int{}, registered: map[string]int{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeRegistry) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[r.URL.Path]++
	if f.fail != nil && f.fail(w, r) {
		return
	}
	var answer any
	if rest, ok := strings.CutPrefix(r.URL.Path, "/schemas/ids/"); ok {
		id, _ := strconv.Atoi(rest)
		if s, known := f.schemas[id]; known {
			answer = s
		}
	}
	if s, known := f.versions[r.URL.Path]; known {
		answer = s
	}
	if subject, ok := strings.CutSuffix(r.URL.Path, "/versions"); ok && r.Method == http.MethodPost {
		var s map[string]any
		if err := json.NewDecoder(r.Body).Decode(&s); err == nil {
			f.registered[strings.TrimPrefix(subject, "/subjects/")]++
			answer = map[string]any{"id": f.idOf(s)}
		}
	}
	if r.URL.Path == "/schemas/types" {
		answer = []string{"AVRO", "JSON", "PROTOBUF"}
	}
	if answer == nil {
		w.WriteHeader(http.StatusNotFound)
		answer = map[string]any{"error_code": schemaNotFound, "message": "Schema not found"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// idOf returns the id under which a schema is, a new one for a new schema.
func (f *fakeRegistry) idOf(s map[string]any) int {
	for id, known := range f.schemas {
		if known["schema"] == s["schema"] {
			return id
		}
	}
	id := 100 + len(f.schemas)
	f.schemas[id] = s
	return id
}

// add registers a schema of a type ("" is Avro) under an id.
func (f *fakeRegistry) add(id int, kind, text string, references ...map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := map[string]any{"schema": text}
	if kind != "" {
		s["schemaType"] = kind
	}
	if len(references) > 0 {
		s["references"] = references
	}
	f.schemas[id] = s
}

// addVersion registers a schema that others refer to.
func (f *fakeRegistry) addVersion(subject string, version int, kind, text string, references ...map[string]any) {
	f.add(-1, kind, text, references...)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.schemas[-1]
	s["subject"], s["version"], s["id"] = subject, version, 1000+version
	f.versions["/subjects/"+subject+"/versions/"+strconv.Itoa(version)] = s
}

func (f *fakeRegistry) questions(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}

func (f *fakeRegistry) failing(fail func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// formats are the formats with this registry.
func (f *fakeRegistry) formats(t testing.TB) Formats {
	r, err := NewRegistry(RegistryConfig{URLs: []string{f.URL}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return Formats{Registry: r}
}

func framedAs(id int, payload ...byte) []byte { return append(appendFrame(nil, id), payload...) }

func wantRide(t *testing.T, d *Decoder, value []byte, want schema.Ride) {
	t.Helper()
	got, err := d.Ride(t.Context(), value)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("the ride is\n%+v, want\n%+v", got, want)
	}
}

func wantBad(t *testing.T, d *Decoder, value []byte, want schema.Reason) *schema.DecodeError {
	t.Helper()
	ride, err := d.Ride(t.Context(), value)
	var bad *schema.DecodeError
	if !errors.As(err, &bad) {
		t.Fatalf("%x: got %+v, %v; want %s", value, ride, err, want)
	}
	if bad.Reason != want {
		t.Errorf("%x: got %v, want %s", value, bad, want)
	}
	return bad
}
