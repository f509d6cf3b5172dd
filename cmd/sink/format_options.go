package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"ridesink/internal/serde"
	"ridesink/internal/servers"
)

// format_options.go: how values are read, for every command that reads them: the schema registry, and values that are not told by themselves.

// registryTimeout bounds a question to the schema registry.
const registryTimeout = 5 * time.Second

// registryOptions say where schemas are.
type registryOptions struct {
	RegistryURLs        []string `name:"schema-registry-url" env:"SCHEMA_REGISTRY_URL" sep:"," placeholder:"URL" help:"Schema Registry of values in its wire format (Avro, JSON Schema, Protobuf), with the path if it has one. Several URLs of one registry: comma-separated."`
	RegistryUser        string   `name:"schema-registry-user-info" env:"SCHEMA_REGISTRY_USER_INFO" placeholder:"USER:PASSWORD" help:"Login to it (HTTP Basic). A secret: prefer SCHEMA_REGISTRY_USER_INFO or SCHEMA_REGISTRY_USER_INFO_FILE to the flag."`
	RegistryCAFile      string   `name:"schema-registry-ca-file" env:"SCHEMA_REGISTRY_CA_FILE" complete:"files" placeholder:"FILE" help:"Authorities of its certificate, in PEM. Without it this machine's."`
	RegistryCertFile    string   `name:"schema-registry-cert-file" env:"SCHEMA_REGISTRY_CERT_FILE" complete:"files" placeholder:"FILE" help:"Certificate to show to it, in PEM. Read at each connection, as are the other two files."`
	RegistryKeyFile     string   `name:"schema-registry-key-file" env:"SCHEMA_REGISTRY_KEY_FILE" complete:"files" placeholder:"FILE" help:"Key of that certificate, in PEM, not encrypted."`
	RegistryAllowUnsafe bool     `name:"schema-registry-allow-insecure" env:"SCHEMA_REGISTRY_ALLOW_INSECURE" help:"Allow a login to it over http, where everyone on the way can read it."`
	RegistryToken       string   `name:"schema-registry-token" env:"SCHEMA_REGISTRY_TOKEN" placeholder:"TOKEN" help:"Login to it (HTTP Bearer). A secret: prefer SCHEMA_REGISTRY_TOKEN, or SCHEMA_REGISTRY_TOKEN_FILE, which is read again at each request."`
}

// formatOptions say how values are read.
type formatOptions struct {
	registryOptions
	ValueFormat string   `name:"value-format" env:"SINK_VALUE_FORMAT" default:"auto" enum:"auto,csv" placeholder:"FORMAT" help:"auto reads JSON and what is in the wire format of a Schema Registry; csv reads values without that as comma-separated."`
	CSVColumns  []string `name:"csv-columns" env:"SINK_CSV_COLUMNS" sep:"," placeholder:"NAME" help:"Names of comma-separated values, in their order: VendorID,tpep_pickup_datetime,PULocationID."`
}

// formats turns the flags into Formats, and asks the registry, if there is one, whether it is there. Errors carry their exit code.
func (o formatOptions) formats(ctx context.Context) (formats serde.Formats, err error) {
	switch {
	case o.ValueFormat == "csv" && len(o.CSVColumns) == 0:
		return formats, usageError(errors.New("--value-format csv needs --csv-columns: the names of the values, such as VendorID,tpep_pickup_datetime,PULocationID"))
	case o.ValueFormat != "csv" && len(o.CSVColumns) > 0:
		return formats, usageError(errors.New("--csv-columns is for --value-format csv"))
	case o.ValueFormat == "csv":
		if err := serde.CheckCSVColumns(o.CSVColumns); err != nil {
			return formats, usageError(err)
		}
		formats.CSVColumns = o.CSVColumns
	}
	formats.Registry, err = o.registry(ctx)
	return formats, err
}

// registry returns the registry, nil if none is set.
func (o registryOptions) registry(ctx context.Context) (*serde.Registry, error) {
	if len(o.RegistryURLs) == 0 {
		return nil, nil //nolint:nilnil // most have none, and need none
	}
	userInfo, err := secret(o.RegistryUser, "SCHEMA_REGISTRY_USER_INFO")
	if err != nil {
		return nil, err
	}
	token, err := o.token()
	if err != nil {
		return nil, err
	}
	cfg := serde.RegistryConfig{URLs: o.RegistryURLs, Token: token, Timeout: registryTimeout, AllowInsecure: o.RegistryAllowUnsafe}
	if files := (servers.TLSFiles{Option: "--schema-registry", CA: o.RegistryCAFile, Cert: o.RegistryCertFile, Key: o.RegistryKeyFile}); files.CA+files.Cert+files.Key != "" {
		if err := files.Check(); err != nil {
			return nil, usageError(err)
		}
		cfg.TLS = files.Config
	}
	if userInfo != "" {
		var ok bool
		if cfg.Username, cfg.Password, ok = strings.Cut(userInfo, ":"); !ok {
			return nil, usageError(errors.New("SCHEMA_REGISTRY_USER_INFO cannot be read: write it as user:password"))
		}
		if token != nil {
			return nil, usageError(errors.New("SCHEMA_REGISTRY_USER_INFO and SCHEMA_REGISTRY_TOKEN are both set: set one of them"))
		}
	}
	registry, err := serde.NewRegistry(cfg)
	if err != nil {
		return nil, usageError(err)
	}
	if err := registry.Check(ctx); err != nil {
		return nil, environmentError(err)
	}
	return registry, nil
}

// token returns what reads the bearer token, again each time, so that a file can change; nil where none is set.
func (o registryOptions) token() (func() (string, error), error) {
	read := func() (string, error) { return secret(o.RegistryToken, "SCHEMA_REGISTRY_TOKEN") }
	token, err := read()
	if err != nil || token == "" {
		return nil, err
	}
	return read, nil
}
