package serde

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"ridesink/schema"
)

// csv.go: a value of comma-separated values (RFC 4180) whose columns are configured becomes JSON: every value a text, which the decoder reads as
// it does those of a data frame that was read from a CSV file.

// csvColumns are the names of the values, in their order, as JSON with the colon.
type csvColumns [][]byte

// CheckCSVColumns checks the names of --csv-columns: at least one is a ride's, none is empty, none comes twice.
func CheckCSVColumns(names []string) error {
	known := false
	seen := map[string]bool{}
	for _, name := range names {
		switch name = strings.TrimSpace(name); {
		case name == "":
			return errors.New("--csv-columns holds an empty name")
		case seen[name]:
			return fmt.Errorf("--csv-columns names %q twice", name)
		}
		seen[name] = true
		known = known || schema.KindOf(name) != 0
	}
	if !known {
		return errors.New("--csv-columns names no field of a ride: write it as VendorID,tpep_pickup_datetime,PULocationID")
	}
	return nil
}

func newCSVColumns(names []string) csvColumns {
	columns := make(csvColumns, 0, len(names))
	for _, name := range names {
		text, _ := json.Marshal(strings.TrimSpace(name)) // a string always can be
		columns = append(columns, append(text, ':'))
	}
	return columns
}

// appendJSON implements transcoder. The value is one row; a line end behind it is none of it.
func (c csvColumns) appendJSON(dst, value []byte) ([]byte, *schema.DecodeError) {
	reader := csv.NewReader(bytes.NewReader(value))
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true // also before a quote
	reader.ReuseRecord = true
	row, err := reader.Read()
	switch {
	case errors.Is(err, io.EOF):
		return dst, problem(schema.ReasonBadCSV, "the value is empty")
	case err != nil:
		return dst, problem(schema.ReasonBadCSV, "a quote that does not end, or that stands inside a value")
	case len(row) != len(c):
		return dst, problem(schema.ReasonBadCSV, fmt.Sprintf("%d values for %d columns", len(row), len(c)))
	}
	if int(reader.InputOffset()) < len(bytes.TrimRight(value, "\r\n")) {
		return dst, problem(schema.ReasonBadCSV, "more than one row")
	}
	separator := byte('{')
	for i, text := range row {
		dst = append(append(dst, separator), c[i]...)
		dst = appendText(dst, bytes.TrimSpace([]byte(text)))
		separator = ','
	}
	return append(dst, '}'), nil
}
