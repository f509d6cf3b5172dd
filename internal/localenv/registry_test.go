package localenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
// id that nobody was given is not found.
func TestRegistry(t *testing.T) {
	t.Parallel()
	var was string
	var registered struct {
		ID int `json:"id"`
	}
	t.Run("killed", func(t *testing.T) {
		r := SchemaRegistryAlone(t) // brings it back
		was = r.URL()
		status, body := ask(t, http.MethodPost, was+"/subjects/rides-key/versions", `{"schema": "\"long\""}`)
		if err := json.Unmarshal([]byte(body), &registered); err != nil || status != http.StatusOK || registered.ID == 0 {
			t.Fatalf("a new schema is answered with %d %s (%v)", status, body, err)
		}
		r.Kill()
	})
	url := SchemaRegistry(t)
	if url != was {
		t.Errorf("it moved from %s to %s", was, url)
	}
	status, body := ask(t, http.MethodGet, fmt.Sprintf("%s/schemas/ids/%d", url, registered.ID), "")
	var found struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil || status != http.StatusOK || found.Schema != `"long"` {
		t.Errorf("after a kill the schema is %d %s (%v)", status, body, err)
	}
	if status, body := ask(t, http.MethodGet, url+"/schemas/ids/999999", ""); status != http.StatusNotFound {
		t.Errorf("an unknown id is %d %s", status, body)
	}
}
