package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ridesink/internal/page"
)

// http_limits_test.go: what a client that means no good can do to the HTTP server.

// limitedServer serves the real page at an address until the end of the test. change may shorten its limits.
func limitedServer(t *testing.T, change func(*http.Server)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shown := page.New(page.Config{Look: func() page.Now { return page.Now{} }}).Handler()
	access := httpAccess{addr: listener.Addr().String()}
	server := limited(routes(access, func() error { return nil }, shown, http.NotFoundHandler()), slog.New(slog.DiscardHandler))
	if change != nil {
		change(server)
	}
	served := make(chan struct{})
	go func() { // ends with Close
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String()
}

// exchange sends text as it is and returns all that comes back until the server closes the connection.
func exchange(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer before it has read all, and close
	answer, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil && len(answer) == 0 {
		t.Fatalf("the server neither answers nor closes the connection: %v", err)
	}
	return string(answer)
}

// TestHTTPLimits holds: headers have a limit, a request that never ends is cut off, so is a connection that asks nothing more, and no limit is missing.
func TestHTTPLimits(t *testing.T) {
	t.Parallel()
	const request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
	address := limitedServer(t, nil)
	if got := exchange(t, address, request+"X-Long: "+strings.Repeat("x", 64<<10)+"\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("64 KiB of headers are answered with %.40q, want 431", got)
	}
	if got := exchange(t, address, request+"X-Short: "+strings.Repeat("x", 8<<10)+"\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("8 KiB of headers are answered with %.40q, want 200", got)
	}
	slow := limitedServer(t, func(s *http.Server) { s.ReadHeaderTimeout = 50 * time.Millisecond })
	if got := exchange(t, slow, request); strings.Contains(got, " 200 ") {
		t.Errorf("half a request is answered with %.40q", got)
	}
	idle := limitedServer(t, func(s *http.Server) { s.IdleTimeout = 50 * time.Millisecond })
	if got := exchange(t, idle, request+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("a whole request is answered with %.40q, want 200", got)
	}
	s := limited(nil, slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout, "WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout} {
		if limit <= 0 || limit > time.Minute {
			t.Errorf("%s is %s, want one of at most a minute", name, limit)
		}
	}
}

// TestHTTPServesNoFiles holds: the page and what it is made of are served and nothing else, no directory, no other method; and browsers are told not
// to embed the page, to guess what things are, or to tell others where they were.
func TestHTTPServesNoFiles(t *testing.T) {
	t.Parallel()
	address := limitedServer(t, nil)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 200},
		{"GET", "/page.css", 200},
		{"GET", "/status.json", 200},
		{"GET", "/page.html", 404},
		{"GET", "/page.go", 404},
		{"GET", "/nothing/", 404},
		{"GET", "/.", 307},
		{"GET", "/page.css/", 404},
		{"GET", "/..%2f..%2fetc%2fpasswd", 404},
		{"GET", "/debug/pprof/", 404},
		{"POST", "/", 405},
		{"PUT", "/status.json", 405},
		{"DELETE", "/metrics", 405},
		{"TRACE", "/", 405},
	} {
		got := exchange(t, address, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", c.method, c.path))
		if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.want)) {
			t.Errorf("%s %s is answered with %.60q, want %d", c.method, c.path, got, c.want)
		}
		for _, header := range []string{"default-src 'none'", "frame-ancestors 'none'", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer"} {
			if !strings.Contains(got, header) {
				t.Errorf("the answer to %s %s lacks %s", c.method, c.path, header)
			}
		}
	}
}
