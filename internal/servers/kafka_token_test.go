package servers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestClientCredentialsAsksOnce holds: many logins at once ask for one token, and a token that a broker refused is asked for anew.
func TestClientCredentialsAsksOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":3600}`, asked.Add(1))
	}))
	defer endpoint.Close()
	login := ClientCredentials(endpoint.URL, "id", "secret", nil, map[string]string{"logicalCluster": "lkc-1"})
	var logins sync.WaitGroup
	for range 20 {
		logins.Go(func() {
			_, response, err := login.Start(t.Context())
			if want := "n,,\x01auth=Bearer token-1\x01logicalCluster=lkc-1\x01\x01"; err != nil || string(response) != want {
				t.Errorf("the login begins with %q (%v), want %q", response, err, want)
			}
		})
	}
	logins.Wait()
	if done, answer, err := login.Next(t.Context(), []byte(`{"status":"invalid_token"}`)); done || string(answer) != "\x01" || err != nil {
		t.Errorf("to a refusal it says %t, %q, %v; want that it waits for the broker's verdict", done, answer, err)
	}
	if _, response, err := login.Start(t.Context()); err != nil || !strings.Contains(string(response), "token-2\x01") {
		t.Errorf("after a refusal the login begins with %q, %v; want another token", response, err)
	}
	if done, _, err := login.Next(t.Context(), nil); !done || err != nil {
		t.Errorf("an accepted login is done: %t, %v", done, err)
	}
}
