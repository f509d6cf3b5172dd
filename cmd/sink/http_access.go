package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"ridesink/internal/page"
)

// http_access.go: who may ask for what, and what browsers are told not to do. http.go puts it around its routes.

// guarded lets those through who may ask. A token opens everything; without one, whoever reaches the address may ask, but a browser only by a name
// of this machine: else a page from elsewhere whose name suddenly means 127.0.0.1 could read ours (DNS rebinding).
func (a httpAccess) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case a.token != "" && !a.knows(r):
			w.Header().Set("WWW-Authenticate", `Basic realm="ridesink", charset="UTF-8"`)
			http.Error(w, "a token is needed: as Authorization: Bearer TOKEN, or as the password of any user", http.StatusUnauthorized)
		case a.token == "" && !a.remote && !isLoopback(hostOf(r)):
			http.Error(w, "this address is for this machine: ask for localhost, or start the sink with HTTP_TOKEN or --http-allow-remote", http.StatusMisdirectedRequest)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knows says whether the request carries the token, or none is needed.
func (a httpAccess) knows(r *http.Request) bool {
	if a.token == "" {
		return true
	}
	given := ""
	if _, password, basic := r.BasicAuth(); basic {
		given = password
	} else if scheme, rest, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		given = strings.TrimSpace(rest)
	}
	// Digests have one length, so that the time of comparing says nothing about the token's.
	a1, b1 := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(a.token))
	return subtle.ConstantTimeCompare(a1[:], b1[:]) == 1
}

// hostOf is the host that the client asked for, without its port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.Trim(r.Host, "[]")
}

// secured tells browsers to run, embed and keep nothing of ours that we did not mean.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", page.ContentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
