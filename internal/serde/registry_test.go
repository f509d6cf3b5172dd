package serde

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ridesink/schema"
)

const oneFieldAvro = `{"type":"record","name":"R","fields":[{"name":"PULocationID","type":"int"}]}`

// zoneTen is the ride of oneFieldAvro whose value is 20, a zigzag varint.
func zoneTen() schema.Ride { return schema.Ride{PickupLocationID: schema.Some[int32](10)} }

// TestRegistryUnknownID holds: an id that the registry does not know makes a bad record, and is not asked for again and again.
func TestRegistryUnknownID(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	d := f.formats(t).NewDecoder()
	for range 5 {
		bad := wantBad(t, d, framedAs(999_999, 2), schema.ReasonUnknownSchema)
		if !strings.Contains(bad.Error(), "999999") {
			t.Errorf("%v does not name the id", bad)
		}
	}
	if n := f.questions("/schemas/ids/999999"); n != 1 {
		t.Errorf("the registry was asked %d times, want once", n)
	}
	// Many unknown ids do not fill the memory.
	for id := range maxSchemas + 10 {
		d.registry.forget(id, "test")
	}
	if n := len(d.registry.unknown); n > maxSchemas {
		t.Errorf("%d unknown ids are remembered, at most %d are allowed", n, maxSchemas)
	}
}

// TestRegistryAway holds: what is not the answer that there is no such schema makes no record bad, and the same record can be tried again.
func TestRegistryAway(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"503":                          status(http.StatusServiceUnavailable, ""),
		"429":                          status(http.StatusTooManyRequests, ""),
		"401":                          status(http.StatusUnauthorized, `{"error_code":401,"message":"no"}`),
		"404 of another server":        status(http.StatusNotFound, "<html>canary</html>"),
		"404 without a body":           status(http.StatusNotFound, ""),
		"200 with a page":              status(http.StatusOK, "<html>canary</html>"),
		"a connection that is cut off": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeRegistry(t)
			f.add(1, "AVRO", oneFieldAvro)
			f.failing(fail)
			d := f.formats(t).NewDecoder()
			for range 2 {
				_, err := d.AppendRow(t.Context(), nil, schema.Coordinates{}, framedAs(1, 20))
				var away *UnavailableError
				var bad *schema.DecodeError
				if !errors.As(err, &away) || errors.As(err, &bad) {
					t.Fatalf("got %v, want an *UnavailableError", err)
				}
				if strings.Contains(err.Error(), "canary") {
					t.Errorf("the error repeats the answer: %v", err)
				}
			}
			if err := d.registry.Check(t.Context()); err == nil {
				t.Error("Check finds nothing wrong")
			}
			f.failing(nil)
			wantRide(t, d, framedAs(1, 20), zoneTen())
			if err := d.registry.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func status(code int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// TestRegistryStumbles holds: one answer that fails is no outage.
func TestRegistryStumbles(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.add(1, "AVRO", oneFieldAvro)
	failures := []func(http.ResponseWriter, *http.Request) bool{status(http.StatusBadGateway, ""), func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }}
	f.failing(func(w http.ResponseWriter, r *http.Request) bool { // under the lock
		if len(failures) == 0 {
			return false
		}
		fail := failures[0]
		failures = failures[1:]
		return fail(w, r)
	})
	wantRide(t, f.formats(t).NewDecoder(), framedAs(1, 20), zoneTen())
}

// TestRegistryUnusableSchema holds: a schema that is there and of no use makes bad records, and nobody waits for it.
func TestRegistryUnusableSchema(t *testing.T) {
	t.Parallel()
	for name, add := range map[string]func(*fakeRegistry){
		"no Avro schema":         func(f *fakeRegistry) { f.add(1, "AVRO", `{"type":"record"}`) },
		"no Protobuf schema":     func(f *fakeRegistry) { f.add(1, "PROTOBUF", `message {`) },
		"an import that is away": func(f *fakeRegistry) { f.add(1, "PROTOBUF", `import "away.proto"; message M {}`) },
		"another type":           func(f *fakeRegistry) { f.add(1, "OPENAPI", `{}`) },
		"a scale of a million": func(f *fakeRegistry) {
			f.add(1, "AVRO", `{"type":"record","name":"R","fields":[{"name":"fare_amount","type":{"type":"bytes","logicalType":"decimal","precision":1000000,"scale":1000000}}]}`)
		},
		"a reference that is not": func(f *fakeRegistry) { f.add(1, "AVRO", oneFieldAvro, reference1("a", "away", 1)) },
		"300 KiB":                 func(f *fakeRegistry) { f.add(1, "AVRO", oneFieldAvro+strings.Repeat(" ", 300<<10)) },
		"5 MiB":                   func(f *fakeRegistry) { f.add(1, "AVRO", oneFieldAvro+strings.Repeat(" ", 5<<20)) },
		"references without end": func(f *fakeRegistry) {
			f.add(1, "PROTOBUF", `message M {}`, reference1("0", "s", 0))
			for i := range 200 {
				f.addVersion("s", i, "PROTOBUF", `message M {}`, reference1(strings.Repeat("x", i+1), "s", i+1))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeRegistry(t)
			add(f)
			wantBad(t, f.formats(t).NewDecoder(), framedAs(1, 2), schema.ReasonUnknownSchema)
		})
	}
}

func reference1(name, subject string, version int) map[string]any {
	return map[string]any{"name": name, "subject": subject, "version": version}
}

// TestRegistryReferences holds: a schema is read with those that it refers to, directly and through others.
func TestRegistryReferences(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.addVersion("nyc/zone", 3, "", `{"type":"enum","name":"nyc.Flag","symbols":["Y","N"]}`)
	f.addVersion("money", 1, "", `{"type":"record","name":"nyc.Extra","fields":[{"name":"flag","type":"nyc.Flag"}]}`, reference1("nyc.Flag", "nyc/zone", 3))
	f.add(1, "", `{"type":"record","name":"nyc.Ride","fields":[{"name":"PULocationID","type":"int"},{"name":"store_and_fwd_flag","type":"Flag"},{"name":"more","type":"nyc.Extra"}]}`,
		reference1("nyc.Extra", "money", 1))
	f.addVersion("dep", 1, "PROTOBUF", `syntax = "proto3"; package dep; message Zone { int32 id = 1; }`)
	f.add(2, "PROTOBUF", `syntax = "proto3"; import "dep.proto"; import "google/protobuf/wrappers.proto"; message M { int32 PULocationID = 1; dep.Zone zone = 2; google.protobuf.DoubleValue fare_amount = 3; }`,
		reference1("dep.proto", "dep", 1))
	d := f.formats(t).NewDecoder()
	want := zoneTen()
	want.StoreAndFwdFlag, want.ExtraFields = "N", `{"more":{"flag":"Y"}}`
	wantRide(t, d, framedAs(1, 20, 2, 0), want)
	want = zoneTen()
	want.FareAmount, want.ExtraFields = "2.5", `{"zone":{"id":7}}`
	wantRide(t, d, framedAs(2, 0, 8, 10, 18, 2, 8, 7, 26, 9, 9, 0, 0, 0, 0, 0, 0, 4, 64), want)
}

// TestRegistryLogin holds: the login goes with each request, a token is read again each time, and no error repeats either.
func TestRegistryLogin(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.add(1, "AVRO", oneFieldAvro)
	want := ""
	f.failing(func(w http.ResponseWriter, r *http.Request) bool { // under the lock
		if r.Header.Get("Authorization") == want {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	expect := func(header string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		want = header
	}
	path := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewRegistry(RegistryConfig{URLs: []string{f.URL + "/"}, Timeout: 5 * time.Second, Token: func() (string, error) {
		b, err := os.ReadFile(path)
		return string(b), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	write("canary-1")
	expect("Bearer canary-1")
	if err := r.Check(t.Context()); err != nil {
		t.Error(err)
	}
	expect("Bearer canary-2")
	if err := r.Check(t.Context()); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("with an old token: %v", err)
	}
	write("canary-2")
	if err := r.Check(t.Context()); err != nil {
		t.Error(err)
	}
	r, err = NewRegistry(RegistryConfig{URLs: []string{"http://127.0.0.1:1", f.URL}, Timeout: 5 * time.Second, Username: "canary", Password: "pass"})
	if err != nil {
		t.Fatal(err)
	}
	expect("Basic Y2FuYXJ5OnBhc3M=")
	if err := r.Check(t.Context()); err != nil {
		t.Errorf("the second URL is not asked: %v", err)
	}
}

func TestRegistryURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"localhost:8081", "ftp://localhost", "http://", "http://user:canary@localhost", "::"} {
		if _, err := NewRegistry(RegistryConfig{URLs: []string{url}}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestWithoutRegistry holds: JSON behind the id of a schema needs no registry, and what needs one says so.
func TestWithoutRegistry(t *testing.T) {
	t.Parallel()
	d := Formats{}.NewDecoder()
	wantRide(t, d, framedAs(3, []byte(`{"PULocationID":10}`)...), zoneTen())
	bad := wantBad(t, d, framedAs(3, 20), schema.ReasonUnknownSchema)
	if !strings.Contains(bad.Error(), "--schema-registry-url") {
		t.Errorf("%v does not say what to set", bad)
	}
	wantRide(t, d, []byte(`{"PULocationID":10}`), zoneTen())
}

// TestJSONSchema holds: the value behind the id is decoded as JSON is.
func TestJSONSchema(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.add(4, "JSON", `{"type":"object"}`)
	d := f.formats(t).NewDecoder()
	wantRide(t, d, framedAs(4, []byte(`{"PULocationID":"10","more":[1]}`)...), schema.Ride{PickupLocationID: schema.Some[int32](10), ExtraFields: `{"more":[1]}`})
	wantBad(t, d, framedAs(4, []byte(`{"PULocationID":`)...), schema.ReasonInvalidJSON)
	wantBad(t, d, framedAs(4), schema.ReasonInvalidJSON)
}

// TestRegistryTLS holds: https with an authority of our own, and a certificate that is shown to the registry, read again for each connection.
func TestRegistryTLS(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.add(1, "AVRO", oneFieldAvro)
	server := httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	config := &tls.Config{RootCAs: roots, Certificates: server.TLS.Certificates}
	var broken error
	open := func() *Registry {
		r, err := NewRegistry(RegistryConfig{
			URLs: []string{server.URL}, Timeout: 5 * time.Second, Username: "user", Password: "pass",
			TLS: func(host string) (*tls.Config, error) {
				c := config.Clone()
				c.ServerName = host
				return c, broken
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := open().Check(t.Context()); err != nil {
		t.Error(err)
	}
	broken = errors.New("the file is gone")
	if err := open().Check(t.Context()); err == nil || !strings.Contains(err.Error(), "the file is gone") {
		t.Errorf("without its files: %v", err)
	}
	broken, config.RootCAs = nil, nil
	if err := open().Check(t.Context()); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without its authority: %v", err)
	}
	config.RootCAs, config.Certificates = roots, nil
	if err := open().Check(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without our certificate: %v", err)
	}
}

// TestRegistryLoginStaysPrivate holds: a login goes over http to this machine only, unless somebody says otherwise.
func TestRegistryLoginStaysPrivate(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"http://localhost:8081": true, "http://127.0.0.1:8081": true, "http://[::1]:8081": true, "https://registry.example": true, "http://registry.example": false, "http://10.0.0.1:8081": false,
	} {
		_, err := NewRegistry(RegistryConfig{URLs: []string{url}, Username: "u", Password: "p"})
		if (err == nil) != want {
			t.Errorf("%s: %v", url, err)
		}
		if _, err := NewRegistry(RegistryConfig{URLs: []string{url}, Username: "u", Password: "p", AllowInsecure: true}); err != nil {
			t.Errorf("%s, allowed: %v", url, err)
		}
		if _, err := NewRegistry(RegistryConfig{URLs: []string{url}}); err != nil {
			t.Errorf("%s, without a login: %v", url, err)
		}
	}
}
