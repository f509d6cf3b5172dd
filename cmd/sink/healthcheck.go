package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthcheckCmd is `sink healthcheck`, for containers without a shell: it asks /readyz of the sink beside it.
type healthcheckCmd struct {
	HTTPAddr string `name:"http-addr" env:"HTTP_ADDR" default:"localhost:8080" placeholder:"HOST:PORT" help:"Where the sink serves HTTP."`
	httpTokenOptions
	Timeout time.Duration `name:"timeout" default:"3s" placeholder:"DURATION" help:"How long to wait for an answer."`
}

// Help is shown by sink healthcheck --help.
func (*healthcheckCmd) Help() string {
	return `Asks /readyz of a sink that runs with --http-addr, and says nothing if it is ready: exit code 0. Otherwise it says why not, and exits with 1.
It needs neither a shell nor curl, so it can be the HEALTHCHECK of a container.

Examples:
  sink healthcheck
  sink healthcheck --http-addr localhost:8080 --timeout 1s`
}

// Run returns nil if the sink is ready.
func (c *healthcheckCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	token, err := c.token()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.HTTPAddr)
	if err != nil {
		return usageError(fmt.Errorf("--http-addr %q is not HOST:PORT: %w", c.HTTPAddr, err))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // where one listens on every address
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return usageError(fmt.Errorf("--http-addr %q: %w", c.HTTPAddr, err))
	}
	if token != "" { // then the answer says why
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the sink does not answer at %s: %w", c.HTTPAddr, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.HTTPAddr, err)
	}
	return errors.New("not ready: " + strings.TrimSpace(string(body)))
}
