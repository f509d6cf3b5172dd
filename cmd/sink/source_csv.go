package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"ridesink/schema"
)

// This file reads rides from CSV, as the TLC published them until 2022: names in the first line, missing values empty.

type csvSource struct {
	name  string
	file  io.Closer
	lines *csv.Reader
	rows  *rowReader
}

func newCSVSource(name string, file io.ReadCloser) (*csvSource, error) {
	buffered := bufio.NewReaderSize(file, 1<<20)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(len(mark)) // they are in the buffer
	}
	lines := csv.NewReader(buffered)
	lines.ReuseRecord = true
	header, err := lines.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s is empty: its first line must name the columns", name)
	case err != nil:
		return nil, csvError(name, err)
	}
	rows, err := newRowReader(header)
	if err != nil {
		return nil, fmt.Errorf("%s: line 1: %w", name, err)
	}
	return &csvSource{name: name, file: file, lines: lines, rows: rows}, nil
}

func (s *csvSource) next() (schema.Ride, error) {
	fields, err := s.lines.Read()
	switch {
	case errors.Is(err, io.EOF):
		return schema.Ride{}, io.EOF
	case err != nil:
		return schema.Ride{}, csvError(s.name, err)
	}
	s.rows.begin()
	for column, text := range fields {
		if err = s.rows.text(column, text); err != nil {
			break
		}
	}
	var ride schema.Ride
	if err == nil {
		ride, err = s.rows.ride()
	}
	if err != nil {
		line, _ := s.lines.FieldPos(0)
		return ride, fmt.Errorf("%s: line %d: %w", s.name, line, err)
	}
	return ride, nil
}

func (s *csvSource) Close() error { return s.file.Close() }

// csvError names the line of an error of the csv package.
func csvError(name string, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("%s: line %d: %w", name, parse.Line, parse.Err)
	}
	return fmt.Errorf("read %s: %w", name, err)
}
