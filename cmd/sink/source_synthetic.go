package main

import (
	"io"

	"ridesink/internal/synthetic"
	"ridesink/schema"
)

// This file makes rides up instead of reading them.

type syntheticSource struct {
	generator *synthetic.Generator
	left      int64
}

// newSyntheticSource returns the first n rides of a seed, of the taxis that the dialect is for.
func newSyntheticSource(n int64, seed uint64, dialect schema.Dialect) *syntheticSource {
	taxi := synthetic.Yellow
	if dialect == schema.GreenCSV || dialect == schema.GreenFrame {
		taxi = synthetic.Green
	}
	return &syntheticSource{generator: synthetic.New(seed, taxi), left: n}
}

func (s *syntheticSource) next() (schema.Ride, error) {
	if s.left <= 0 {
		return schema.Ride{}, io.EOF
	}
	s.left--
	return s.generator.Next(), nil
}

func (*syntheticSource) Close() error { return nil }
