package main

import (
	"context"
	"fmt"

	"ridesink/internal/serde"
	"ridesink/schema"
)

// This file is how produce writes a ride: --format, and the schema registry that some formats need.

// recordFormat is a serde.Encoding that knows what --format once was.
type recordFormat struct{ serde.Encoding }

// UnmarshalText takes the name of a format of records. One of a file is an error that says where to write it.
func (f *recordFormat) UnmarshalText(text []byte) error {
	switch string(text) {
	case formatAuto, formatCSV, formatParquet, formatJSONL:
		return fmt.Errorf("it is the format of the records: for the format of FILE write --input-format %s", text)
	}
	return f.Encoding.UnmarshalText(text)
}

// checkFormat finds what does not go together.
func (c *produceCmd) checkFormat() error {
	switch e := c.Format.Encoding; {
	case e == serde.JSON:
		return nil
	case len(c.RegistryURLs) == 0:
		return fmt.Errorf("--format %s needs --schema-registry-url: the schema registry that is to have its schema", e)
	case (e == serde.Avro || e == serde.Protobuf) && c.Dialect != schema.TLC:
		return fmt.Errorf("--dialect is for JSON: --format %s has the names of the columns", e)
	default:
		return serde.CheckDialect(e, c.Dialect)
	}
}

// encoder registers the schema of the topic's values, where the format has one. The subject is that of Confluent's TopicNameStrategy.
func (c *produceCmd) encoder(ctx context.Context) (*serde.Encoder, error) {
	var registry *serde.Registry
	if c.Format.Encoding != serde.JSON {
		var err error
		if registry, err = c.registry(ctx); err != nil {
			return nil, err
		}
	}
	encoder, err := serde.NewEncoder(ctx, registry, c.Topic+"-value", c.Format.Encoding, c.Dialect)
	if err != nil {
		return nil, environmentError(err)
	}
	return encoder, nil
}
