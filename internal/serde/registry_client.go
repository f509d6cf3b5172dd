package serde

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// registry_client.go: how a registry is reached. registry.go asks it.

// RegistryConfig says where a registry is and how to log in.
type RegistryConfig struct {
	// URLs are those of one registry, http or https, each with the path under which it serves (/apis/ccompat/v7 for Apicurio). The first that
	// can be reached is asked.
	URLs []string
	// Username and Password log in (HTTP Basic), empty for none. Token does (HTTP Bearer), asked before each request; nil for none.
	Username, Password string
	Token              func() (string, error)
	// TLS says how to do a handshake with a host, asked before each; nil for this machine's authorities and no certificate.
	TLS func(host string) (*tls.Config, error)
	// AllowInsecure lets the login go over http to other machines, where everyone on the way can read it.
	AllowInsecure bool
	// Timeout bounds a request.
	Timeout time.Duration
}

// NewRegistry dials nothing.
func NewRegistry(c RegistryConfig) (*Registry, error) {
	for _, text := range c.URLs {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return nil, errors.New("--schema-registry-url is no URL: write it as http://localhost:8081, with the path if the registry has one")
		case u.User != nil:
			return nil, errors.New("--schema-registry-url holds a login: give it in SCHEMA_REGISTRY_USER_INFO, as user:password")
		case u.Scheme == "http" && (c.Username != "" || c.Token != nil) && !c.AllowInsecure && !isThisMachine(u.Hostname()):
			return nil, errors.New("the login to the schema registry would go over http, where everyone on the way can read it: use https, or --schema-registry-allow-insecure if nobody can")
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: c.Timeout, ResponseHeaderTimeout: c.Timeout, MaxResponseHeaderBytes: 64 << 10,
	}
	if c.TLS != nil {
		transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			config, err := c.TLS(host)
			if err != nil {
				return nil, err
			}
			dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: c.Timeout}, Config: config}
			return dialer.DialContext(ctx, network, address)
		}
	}
	options := []sr.ClientOpt{
		sr.URLs(c.URLs...), sr.UserAgent("ridesink"),
		sr.HTTPClient(&http.Client{Transport: bounded{transport}, Timeout: c.Timeout}),
	}
	if c.Username != "" {
		options = append(options, sr.BasicAuth(c.Username, c.Password))
	}
	if c.Token != nil {
		options = append(options, sr.PreReq(func(request *http.Request) error {
			token, err := c.Token()
			if err != nil {
				return fmt.Errorf("the token for the schema registry: %w", err)
			}
			request.Header.Set("Authorization", "Bearer "+token)
			return nil
		}))
	}
	client, err := sr.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return &Registry{client: client, url: c.URLs[0], known: map[int]transcoder{}, unknown: map[int]unknownID{}}, nil
}

// isThisMachine says that what is sent to a host leaves no machine.
func isThisMachine(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}
