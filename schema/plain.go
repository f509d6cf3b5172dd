package schema

import (
	"encoding/json"
	"strconv"
	"time"
)

// plain.go: a ride by its columns, for people to read. dialect.go has the ways in which producers write it.

// AppendColumns appends r as a JSON object by the names of the columns, in their order, without those that are NULL: integers and decimals as
// numbers, times as a wall clock in ISO 8601 without a zone, extra_fields as the object that it is.
func (r Ride) AppendColumns(dst []byte) []byte {
	separator := byte('{')
	name := func(column string) {
		dst = append(append(append(dst, separator, '"'), column...), '"', ':')
		separator = ','
	}
	for i := range columns {
		if !columns[i].arrives() {
			continue
		}
		switch field := columns[i].of(&r).(type) {
		case *Null[time.Time]:
			if field.Valid {
				name(columns[i].name)
				dst = field.Value.AppendFormat(dst, `"2006-01-02T15:04:05.999999"`)
			}
		case *Null[int32]:
			if field.Valid {
				name(columns[i].name)
				dst = strconv.AppendInt(dst, int64(field.Value), 10)
			}
		case *Decimal:
			if *field != "" {
				name(columns[i].name)
				dst = append(dst, *field...)
			}
		case *string:
			if *field != "" {
				name(columns[i].name)
				text, _ := json.Marshal(*field) // a string always can be
				dst = append(dst, text...)
			}
		}
	}
	if r.ExtraFields != "" {
		name(columns[extraFields].name)
		dst = append(dst, r.ExtraFields...)
	}
	if separator == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}
