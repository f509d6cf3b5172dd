package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"ridesink/schema"
)

// This file reads rides from JSON lines, in any dialect.

// longestLine bounds a line of JSON.
const longestLine = 16 << 20

type linesSource struct {
	name    string
	file    io.Closer
	lines   *bufio.Scanner
	line    int
	decoder *schema.Decoder
}

func newLinesSource(name string, file io.ReadCloser) *linesSource {
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 64<<10), longestLine)
	return &linesSource{name: name, file: file, lines: lines, decoder: schema.NewDecoder()}
}

func (s *linesSource) next() (schema.Ride, error) {
	for s.lines.Scan() {
		s.line++
		line := bytes.TrimSpace(s.lines.Bytes())
		if len(line) == 0 {
			continue
		}
		ride, err := s.decoder.Ride(line)
		if err != nil {
			return ride, fmt.Errorf("%s: line %d: %w", s.name, s.line, err)
		}
		return ride, nil
	}
	switch err := s.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return schema.Ride{}, fmt.Errorf("%s: line %d: longer than %d bytes: put each ride on a line of its own", s.name, s.line+1, longestLine)
	case err != nil:
		return schema.Ride{}, fmt.Errorf("read %s: %w", s.name, err)
	}
	return schema.Ride{}, io.EOF
}

func (s *linesSource) Close() error { return s.file.Close() }
