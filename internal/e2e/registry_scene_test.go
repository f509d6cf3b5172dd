package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// registry_scene_test.go: what the producer meant (rideproducer_test.go) as rows that PostgreSQL must hold, and a registry behind a door.

// withRegistry is the scene with a Schema Registry for its sinks.
func (s scene) withRegistry(registryURL string, more ...string) scene {
	s.more = append([]string{"SCHEMA_REGISTRY_URL=" + registryURL}, more...)
	return s
}

// sent returns the records of the scene's first topic that the accounts tell of, with what must become of each.
func (s scene) sent(accounts []account) []sent {
	s.t.Helper()
	found := committed(s.t, s.brokers, s.topic())
	extras := make([]string, len(accounts))
	for i, a := range accounts {
		extras[i] = string(a.Extra)
	}
	// PostgreSQL has its own order of members, and COPY doubles backslashes.
	extras = value[[]string](s.t, s.connect(), "SELECT array_agg(replace(given::jsonb::text, E'\\\\', E'\\\\\\\\') ORDER BY n) FROM unnest($1::text[]) WITH ORDINALITY AS x(given, n)", extras)
	records := make([]sent, len(accounts))
	for i, a := range accounts {
		at := place{s.topic(), a.Partition, a.Offset}
		record, ok := found[at]
		if !ok {
			s.t.Fatalf("%s was acknowledged to the producer and is not in the log", at)
		}
		records[i] = sent{record: record, row: a.row(extras[i])}
		if a.Tombstone {
			records[i].fate = isTombstone
		}
	}
	return records
}

// row is what PostgreSQL must hold. Java leaves out seconds that are zero and prints whole thousands of fractions.
func (a account) row(extra string) stored {
	row := emptyRow()
	for i, column := range strings.Split(storedColumns, ", ") {
		text, ok := a.Columns[column]
		if !ok {
			continue
		}
		if strings.HasSuffix(column, "_datetime") {
			text = strings.Replace(text, "T", " ", 1)
			if strings.Count(text, ":") == 1 {
				text += ":00"
			}
			if strings.Contains(text, ".") {
				text = strings.TrimRight(text, "0")
			}
		}
		row[i] = text
	}
	if extra != "{}" {
		row[extraFields] = extra
	}
	return row
}

// checkFrames checks the producer, not the sink: a value stands in the topic in the frame of its format, with the id of a schema of that kind.
func (s scene) checkFrames(registryURL string, accounts []account, records []sent) {
	s.t.Helper()
	kinds := map[string]string{"avro": "AVRO", "json schema": "JSON", "protobuf": "PROTOBUF"}
	known := map[uint32]string{}
	shapes := map[string]int{}
	for i, r := range records {
		shapes[accounts[i].Shape]++
		format, _, _ := strings.Cut(accounts[i].Shape, ",")
		kind, isFramed := kinds[format]
		id, ok := schemaOf(r.record.Value)
		if ok != isFramed {
			s.t.Fatalf("%s: %s in a frame: %t", r.place(), accounts[i].Shape, ok)
		}
		if _, asked := known[id]; isFramed && !asked {
			known[id] = schemaType(s.t, registryURL, id)
		}
		if known[id] != kind {
			s.t.Fatalf("%s: %s names schema %d, which is %q", r.place(), accounts[i].Shape, id, known[id])
		}
	}
	s.t.Logf("records of each shape: %v", shapes)
}

// schemaType asks a registry what a schema is.
func schemaType(t testing.TB, registryURL string, id uint32) string {
	t.Helper()
	address, base, _ := strings.Cut(strings.TrimPrefix(registryURL, "http://"), "/")
	status, body := get(t, address, fmt.Sprintf("/%s/schemas/ids/%d", base, id))
	var schema struct {
		Type string `json:"schemaType"`
	}
	if err := json.Unmarshal([]byte(body), &schema); err != nil || status != http.StatusOK {
		t.Fatalf("schema %d: %d %s (%v)", id, status, body, err)
	}
	return schema.Type
}

// schemaOf returns the id of the schema that a value is framed with.
func schemaOf(value []byte) (id uint32, ok bool) {
	if len(value) < 5 || value[0] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint32(value[1:]), true
}

// inFrame puts a value into another schema's frame.
func inFrame(id uint32, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), value[5:]...)
}

// door is a way to a registry: with a login, and with schemas that are not to be found through it for now. Closed, it answers as a web server does that
// never heard of a registry.
type door struct {
	url, user, password string

	mu     sync.Mutex
	closed bool
	hidden map[uint32]bool
	asked  map[string]int // how often, by path
}

// startDoor opens a door until the end of the test.
func startDoor(t testing.TB, registryURL string) *door {
	t.Helper()
	behind, err := url.Parse(registryURL)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{user: "sink", password: "open: sesame", hidden: map[uint32]bool{}, asked: map[string]int{}}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, body := d.refuses(r); status != 0 {
			w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// refuses answers instead of the registry, as Confluent's does; 0: it does not.
func (d *door) refuses(r *http.Request) (status int, body string) {
	if user, password, ok := r.BasicAuth(); !ok || user != d.user || password != d.password {
		return http.StatusUnauthorized, `{"error_code":401,"message":"Unauthorized"}`
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return http.StatusNotFound, "<html><body>404 Not Found</body></html>"
	}
	d.asked[r.URL.Path]++
	var id uint32
	if _, err := fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id); err == nil && d.hidden[id] {
		return http.StatusNotFound, fmt.Sprintf(`{"error_code":40403,"message":"Schema %d not found"}`, id)
	}
	return 0, ""
}

// hide takes away a schema, or gives it back.
func (d *door) hide(id uint32, hidden bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hidden[id] = hidden
}

// close closes the door, or opens it again.
func (d *door) close(closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = closed
}

// login is the environment entry for the door.
func (d *door) login() string { return "SCHEMA_REGISTRY_USER_INFO=" + d.user + ":" + d.password }
