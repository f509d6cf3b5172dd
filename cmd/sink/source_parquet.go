package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"ridesink/schema"
)

// This file reads rides from Parquet, as the TLC publishes them: integers, doubles, timestamps and text, all of them optional.

type parquetSource struct {
	name    string
	file    io.Closer
	groups  []parquet.RowGroup // still to be read
	reading parquet.Rows       // of the group that is being read, or nil
	buffer  []parquet.Row
	rows    []parquet.Row // of buffer, still to be returned
	row     int64         // the one returned last, from 1
	columns []*parquet.Column
	reader  *rowReader
}

func newParquetSource(name string, file io.ReadCloser) (*parquetSource, error) {
	opened, ok := file.(*os.File)
	if !ok || name == "stdin" {
		return nil, fmt.Errorf("%s: Parquet is read from its end, so it must be a file and not stdin", name)
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	parsed, err := parquet.OpenFile(opened, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("%s: is it a Parquet file? %w", name, err)
	}
	s := &parquetSource{name: name, file: file, groups: parsed.RowGroups(), columns: parsed.Root().Columns(), buffer: make([]parquet.Row, 256)}
	names := make([]string, 0, len(s.columns))
	for _, column := range s.columns {
		if !column.Leaf() || column.Repeated() {
			return nil, fmt.Errorf("%s: column %s is nested: rides are flat", name, column.Name())
		}
		names = append(names, column.Name())
	}
	if s.reader, err = newRowReader(names); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *parquetSource) next() (schema.Ride, error) {
	if len(s.rows) == 0 {
		if err := s.fill(); err != nil {
			return schema.Ride{}, err
		}
	}
	row := s.rows[0]
	s.rows = s.rows[1:]
	s.row++
	s.reader.begin()
	for _, v := range row {
		if err := s.add(v); err != nil {
			return schema.Ride{}, fmt.Errorf("%s: row %d: %w", s.name, s.row, err)
		}
	}
	ride, err := s.reader.ride()
	if err != nil {
		return ride, fmt.Errorf("%s: row %d: %w", s.name, s.row, err)
	}
	return ride, nil
}

// fill reads some rows, of the next group if one is at its end; io.EOF behind the last.
func (s *parquetSource) fill() error {
	for {
		if s.reading == nil {
			if len(s.groups) == 0 {
				return io.EOF
			}
			s.reading, s.groups = s.groups[0].Rows(), s.groups[1:]
		}
		n, err := s.reading.ReadRows(s.buffer)
		s.rows = s.buffer[:n]
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: behind row %d: %w", s.name, s.row, err)
		}
		if err != nil {
			closing := s.reading.Close()
			s.reading = nil
			if closing != nil {
				return fmt.Errorf("%s: %w", s.name, closing)
			}
		}
		if n > 0 {
			return nil
		}
	}
}

// add adds one value of a row; a missing one is left out, unless it tells the taxi's type by its name.
func (s *parquetSource) add(v parquet.Value) error {
	r, column := s.reader, v.Column()
	if v.IsNull() {
		r.field(column)
		r.value = append(r.value, "null"...)
		return nil
	}
	kind := s.columns[column].Type()
	if logical := kind.LogicalType(); logical != nil {
		if stamp, ok := logical.Value.(*format.TimestampType); ok {
			r.field(column)
			r.value = append(appendClock(append(r.value, '"'), v.Int64(), stamp.Unit), '"')
			return nil
		}
	}
	switch v.Kind() {
	case parquet.Boolean:
		r.field(column)
		r.value = strconv.AppendBool(r.value, v.Boolean())
	case parquet.Int32:
		r.field(column)
		r.value = strconv.AppendInt(r.value, int64(v.Int32()), 10)
	case parquet.Int64:
		r.field(column)
		r.value = strconv.AppendInt(r.value, v.Int64(), 10)
	case parquet.Float:
		s.number(column, float64(v.Float()), 32)
	case parquet.Double:
		s.number(column, v.Double(), 64)
	case parquet.ByteArray:
		return r.text(column, string(v.ByteArray()))
	default:
		return fmt.Errorf("column %s has the type %s, which rides do not have", s.columns[column].Name(), kind)
	}
	return nil
}

// number adds the shortest decimal that means f; NaN is a missing value.
func (s *parquetSource) number(column int, f float64, bits int) {
	r := s.reader
	r.field(column)
	if math.IsNaN(f) {
		r.value = append(r.value, "null"...)
		return
	}
	r.value = strconv.AppendFloat(r.value, f, 'f', -1, bits)
}

// appendClock appends a timestamp as the clock that it shows.
func appendClock(dst []byte, ticks int64, unit format.TimeUnit) []byte {
	var t time.Time
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		t = time.UnixMilli(ticks)
	case *format.NanoSeconds:
		t = time.Unix(0, ticks)
	default:
		t = time.UnixMicro(ticks)
	}
	return t.UTC().AppendFormat(dst, "2006-01-02 15:04:05.999999")
}

func (s *parquetSource) Close() error {
	var err error
	if s.reading != nil {
		err = s.reading.Close()
	}
	return errors.Join(err, s.file.Close())
}
