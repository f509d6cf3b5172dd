package main

import (
	"errors"
	"fmt"
	"net"
)

// http_options.go: where a sink serves HTTP, and who may ask. Before it move.go, after it http.go; http_access.go keeps the others out.

// httpTokenOptions hold the token, for those who serve HTTP and those who ask.
type httpTokenOptions struct {
	HTTPToken string `name:"http-token" env:"HTTP_TOKEN" placeholder:"TOKEN" help:"What who asks for the status page or /metrics must know: as Bearer token, or as password of any user. A secret: prefer HTTP_TOKEN or HTTP_TOKEN_FILE to the flag."`
}

// leastToken is how long a token must be at least.
const leastToken = 16

// token returns the token, "" if there is none.
func (o httpTokenOptions) token() (string, error) {
	token, err := secret(o.HTTPToken, "HTTP_TOKEN")
	if err != nil {
		return "", err
	}
	if token != "" && len(token) < leastToken {
		return "", usageError(fmt.Errorf("--http-token (or HTTP_TOKEN) has %d characters and needs %d at least: make one with: openssl rand -hex 16", len(token), leastToken))
	}
	return token, nil
}

// httpOptions say where to serve HTTP and to whom.
type httpOptions struct {
	HTTPAddr string `name:"http-addr" env:"HTTP_ADDR" placeholder:"HOST:PORT" help:"Serve the status page there, and /healthz, /readyz and /metrics. Off by default. An address that other machines reach needs --http-token or --http-allow-remote."`
	httpTokenOptions
	HTTPAllowRemote bool `name:"http-allow-remote" env:"HTTP_ALLOW_REMOTE" help:"Let --http-addr be reached from other machines without a token: whoever reaches it sees topics, positions and settings, and no password."`
	HTTPShowValues  bool `name:"http-show-values" env:"HTTP_SHOW_VALUES" help:"Show on the status page what is in dead letters, not only where they are."`
}

// httpAccess is where HTTP is served, and to whom.
type httpAccess struct {
	addr   string // empty: nowhere
	token  string // empty: nobody needs one
	remote bool   // other machines may ask without a token
	values bool
}

// access turns the flags into rules. Faults are usage errors.
func (o httpOptions) access() (httpAccess, error) {
	if o.HTTPAddr == "" {
		return httpAccess{}, nil
	}
	token, err := o.token()
	if err != nil {
		return httpAccess{}, err
	}
	host, _, err := net.SplitHostPort(o.HTTPAddr)
	if err != nil {
		return httpAccess{}, usageError(fmt.Errorf("--http-addr %q is not HOST:PORT: %w", o.HTTPAddr, err))
	}
	if !isLoopback(host) && token == "" && !o.HTTPAllowRemote {
		return httpAccess{}, usageError(errors.New("--http-addr " + o.HTTPAddr + " can be reached from other machines: set HTTP_TOKEN or HTTP_TOKEN_FILE, or --http-allow-remote if all who reach it may look, or listen on localhost"))
	}
	return httpAccess{addr: o.HTTPAddr, token: token, remote: o.HTTPAllowRemote, values: o.HTTPShowValues}, nil
}

// isLoopback says whether only this machine reaches host. Names other than localhost are not looked up: they may mean something else tomorrow.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
