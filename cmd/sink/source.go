package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"ridesink/schema"
)

// This file opens what produce reads rides from. Each format is a file of its own, source_*.go; produce.go asks for one ride after the other.

// source is rides in order. One goroutine reads it, its owner closes it.
type source interface {
	// next returns the next ride, or io.EOF behind the last. Any other error names the line.
	next() (schema.Ride, error)
	Close() error
}

// Formats of files.
const (
	formatAuto    = "auto"
	formatCSV     = "csv"
	formatParquet = "parquet"
	formatJSONL   = "jsonl"
)

// openSource opens a file, or stdin for "-". A file that is not there, or cannot be of its format, is a usage error.
func openSource(ctx context.Context, path, format string, stdin io.ReadCloser) (source, error) {
	name := path
	if path == "-" {
		name = "stdin"
	}
	if format == formatAuto {
		var known bool
		if format, known = formatOf(path); !known {
			return nil, usageError(fmt.Errorf("%s: its name does not end in .csv, .parquet or .jsonl: name the format with --input-format", name))
		}
	}
	file := stdin
	if path != "-" {
		opened, err := os.Open(path)
		if err != nil {
			return nil, usageError(fmt.Errorf("open the rides: %w", err))
		}
		file = opened
	}
	s, err := newSource(ctx, name, format, file)
	if err != nil {
		return nil, errors.Join(usageError(err), file.Close())
	}
	return s, nil
}

func newSource(ctx context.Context, name, format string, file io.ReadCloser) (source, error) {
	switch format {
	case formatParquet:
		return newParquetSource(name, file)
	case formatCSV:
		return newCSVSource(name, interruptible(ctx, file))
	}
	return newLinesSource(name, interruptible(ctx, file)), nil
}

// formatOf tells a format by the end of a file's name.
func formatOf(path string) (format string, known bool) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return formatCSV, true
	case ".parquet":
		return formatParquet, true
	case ".jsonl", ".ndjson", ".json":
		return formatJSONL, true
	}
	return "", false
}

// interruptible closes file when ctx ends, so that a read of a pipe that nobody writes to ends too.
func interruptible(ctx context.Context, file io.ReadCloser) io.ReadCloser {
	stop := context.AfterFunc(ctx, func() { _ = file.Close() }) // the reader learns of it
	return &interruptibleFile{ReadCloser: file, stop: stop}
}

type interruptibleFile struct {
	io.ReadCloser
	stop func() bool
}

// Close closes the file unless the context's end did.
func (f *interruptibleFile) Close() error {
	if !f.stop() {
		return nil
	}
	return f.ReadCloser.Close()
}

// rowReader makes rides of rows of named values, by the same rules by which the sink reads records: each row becomes a JSON object first.
type rowReader struct {
	decoder *schema.Decoder
	names   []string // of the columns, as they stand in JSON, with their colon
	value   []byte
}

// newRowReader returns an error if no column is a field of a ride.
func newRowReader(names []string) (*rowReader, error) {
	r := &rowReader{decoder: schema.NewDecoder()}
	fields := fieldNames()
	known := false
	for _, name := range names {
		if !utf8.ValidString(name) {
			return nil, errors.New("the name of a column is not UTF-8")
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		r.names = append(r.names, string(quoted)+":")
		known = known || fields[foldName(name)]
	}
	if !known {
		return nil, fmt.Errorf("no column is a field of a ride (VendorID, tpep_pickup_datetime, PULocationID, ...): it has %q", names)
	}
	return r, nil
}

// begin begins a row.
func (r *rowReader) begin() { r.value = append(r.value[:0], '{') }

// field begins the value of a column; the caller appends it to value.
func (r *rowReader) field(column int) {
	if len(r.value) > 1 {
		r.value = append(r.value, ',')
	}
	r.value = append(r.value, r.names[column]...)
}

// text adds a column of text.
func (r *rowReader) text(column int, text string) error {
	r.field(column)
	if plain(text) {
		r.value = append(append(append(r.value, '"'), text...), '"')
		return nil
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s is not UTF-8", strings.TrimSuffix(r.names[column], ":"))
	}
	quoted, err := json.Marshal(text)
	r.value = append(r.value, quoted...)
	return err
}

// ride ends the row.
func (r *rowReader) ride() (schema.Ride, error) {
	r.value = append(r.value, '}')
	ride, err := r.decoder.Ride(r.value)
	return ride, withoutPosition(err)
}

// withoutPosition leaves out the byte position of a decode error: it is one of a value that the user never saw.
func withoutPosition(err error) error {
	var bad *schema.DecodeError
	switch {
	case !errors.As(err, &bad):
		return err
	case bad.Field == "":
		return fmt.Errorf("%s (%s)", bad.Problem, bad.Reason)
	}
	return fmt.Errorf("%s %s (%s)", bad.Field, bad.Problem, bad.Reason)
}

// plain says that text needs no escapes in JSON.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// fieldNames has every name of a field of a ride, folded.
func fieldNames() map[string]bool {
	names := map[string]bool{}
	for _, field := range schema.Fields() {
		for _, name := range field.Names {
			names[foldName(name)] = true
		}
	}
	return names
}

// foldName is how names are compared: case and underscores do not matter.
func foldName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
