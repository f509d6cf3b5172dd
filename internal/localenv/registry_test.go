package localenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
)

// ask sends a request to a registry and returns the status and the body.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(content)
}

// TestRegistry holds: a schema is found by its id; killed at once after that was told, the registry comes back with the same address and knows it; an
// id that nobody was given is not found; after Stop nothing is left.
func TestRegistry(t *testing.T) {
	t.Parallel()
	r, err := StartRegistry(t.Context())
	if errors.Is(err, ErrNoJava) && !InCI() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := r.URL()
	status, body := ask(t, http.MethodPost, url+"/subjects/rides-key/versions", `{"schema": "\"long\""}`)
	var registered struct {
		ID int `json:"id"`
	}
	if err := json.Unmarshal([]byte(body), &registered); err != nil || status != http.StatusOK || registered.ID == 0 {
		t.Fatalf("a new schema is answered with %d %s (%v)", status, body, err)
	}
	r.Kill()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.URL() != url {
		t.Errorf("it moved from %s to %s", url, r.URL())
	}
	status, body = ask(t, http.MethodGet, fmt.Sprintf("%s/schemas/ids/%d", url, registered.ID), "")
	var found struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil || status != http.StatusOK || found.Schema != `"long"` {
		t.Errorf("after a kill the schema is %d %s (%v)", status, body, err)
	}
	if status, body := ask(t, http.MethodGet, url+"/schemas/ids/999999", ""); status != http.StatusNotFound {
		t.Errorf("an unknown id is %d %s", status, body)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Stop its directory: %v, want that it is gone", err)
	}
}
