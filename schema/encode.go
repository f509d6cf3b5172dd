package schema

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// encode.go: a Ride as JSON in a dialect, the inverse of decode.go. The names and what is missing are for dialect.go.

// AppendJSON appends r in a dialect. DecodeRide returns the same ride again, with its decimals as PostgreSQL prints them, and in Minimal
// with its five fields only. It fails for what no dialect can write or no decoder would take, naming the column: dst then comes back as
// it was.
func (r Ride) AppendJSON(dst []byte, d Dialect) ([]byte, error) {
	if d < TLC || d > Java {
		return dst, fmt.Errorf("encode ride: %s is no dialect", d)
	}
	e := encoder{dst: dst, begin: len(dst), dialect: d, ride: &r}
	for i := range columns {
		if c := &columns[i]; c.arrives() {
			if err := e.column(c); err != nil {
				return dst, fmt.Errorf("encode ride: %s %w", c.name, err)
			}
		}
	}
	if len(e.dst) == e.begin {
		return dst, fmt.Errorf("encode ride: it has no field that %s would write, and an object without one is no ride", d)
	}
	if d != Minimal && r.ExtraFields != "" {
		if err := e.extra(r.ExtraFields); err != nil {
			return dst, fmt.Errorf("encode ride: extra_fields %w", err)
		}
	}
	return append(e.dst, '}'), nil
}

// encoder writes one ride.
type encoder struct {
	dst      []byte
	begin    int
	dialect  Dialect
	ride     *Ride
	toldTaxi bool    // a name told the taxi's type
	decoder  Decoder // reads decimals and extra fields as it will
}

// column writes one field, or nothing.
func (e *encoder) column(c *column) error {
	d := e.dialect
	if d == Minimal && !c.minimal {
		return nil
	}
	switch field := c.of(e.ride).(type) {
	case *Null[time.Time]:
		if !field.Valid {
			e.none(c)
			return nil
		}
		e.name(c)
		return e.time(field.Value)
	case *Null[int32]:
		if !field.Valid {
			e.none(c)
			return nil
		}
		e.name(c)
		e.integer(field.Value)
	case *Decimal:
		if *field == "" {
			e.none(c)
			return nil
		}
		e.name(c)
		return e.decimal(*field)
	case *string:
		if *field == "" {
			e.none(c)
			return nil
		}
		if c.name == columns[taxiType].name && e.toldTaxi {
			return nil
		}
		e.name(c)
		return e.text(*field)
	}
	return nil
}

// name writes what stands before a value.
func (e *encoder) name(c *column) {
	separator := byte(',')
	if len(e.dst) == e.begin {
		separator = '{'
	}
	taxi := e.ride.TaxiType
	name := e.dialect.fieldName(c, taxi)
	e.toldTaxi = e.toldTaxi || name == c.yellow || name == c.green
	e.dst = append(append(append(e.dst, separator, '"'), name...), '"', ':')
}

// none writes a field without a value, if the dialect does.
func (e *encoder) none(c *column) {
	if !e.dialect.writesMissing(c, e.ride.TaxiType) {
		return
	}
	e.name(c)
	e.dst = append(e.dst, e.dialect.missing(c.kind)...)
}

func (e *encoder) integer(i int32) {
	switch e.dialect { // the others write the number
	case Snake, GreenCSV:
		e.dst = append(strconv.AppendInt(append(e.dst, '"'), int64(i), 10), '"')
	case GreenFrame:
		e.dst = append(strconv.AppendInt(e.dst, int64(i), 10), ".0"...)
	default:
		e.dst = strconv.AppendInt(e.dst, int64(i), 10)
	}
}

func (e *encoder) decimal(text Decimal) error {
	quoted := e.dialect == Snake || e.dialect == GreenCSV
	if quoted {
		e.dst = append(e.dst, '"')
	}
	var err error
	if e.dst, err = e.decoder.AppendDecimal(e.dst, text); err != nil {
		return err
	}
	if quoted {
		e.dst = append(e.dst, '"')
	}
	return nil
}

// AppendDecimal appends a decimal as PostgreSQL prints it. The error says what is wrong with it, without the column.
func (d *Decoder) AppendDecimal(dst []byte, text Decimal) ([]byte, error) {
	d.scratch = d.scratch[:0]
	s, reason := d.decimal([]byte(text))
	switch {
	case reason == ReasonOutOfRange:
		return dst, fmt.Errorf("has more than %d digits", maxDigits)
	case reason != "":
		return dst, fmt.Errorf("is not a decimal number")
	}
	return d.appendPlain(dst, s), nil
}

// time writes the clock that t shows.
func (e *encoder) time(t time.Time) error {
	year, month, dayOfMonth := t.Date()
	h, m, s := t.Clock()
	micros := t.Nanosecond() / 1000
	if e.dialect == Minimal {
		return e.epoch(time.Date(year, month, dayOfMonth, h, m, s, 0, time.UTC).Unix(), micros)
	}
	if e.dialect == Java {
		if year < 1 || year > lastYear {
			return fmt.Errorf("is in the year %d: this dialect has years from 1 to %d", year, lastYear)
		}
		parts := []int{year, int(month), dayOfMonth, h, m, s, micros * 1000}
		for len(parts) > 5 && parts[len(parts)-1] == 0 {
			parts = parts[:len(parts)-1]
		}
		open := byte('[')
		for _, part := range parts {
			e.dst = strconv.AppendInt(append(e.dst, open), int64(part), 10)
			open = ','
		}
		e.dst = append(e.dst, ']')
		return nil
	}
	if year < 1 || year > 9999 {
		return fmt.Errorf("is in the year %d: this dialect has years from 1 to 9999", year)
	}
	open, closing := `"`, `"`
	if e.dialect == Snake {
		open, closing = `["`, `"]`
	}
	e.dst = t.AppendFormat(append(e.dst, open...), time.DateTime)
	if micros > 0 {
		e.dst = fmt.Appendf(e.dst, ".%06d", micros)
	}
	e.dst = append(e.dst, closing...)
	return nil
}

// epoch writes milliseconds where the decoder will take them for such, else seconds.
func (e *encoder) epoch(seconds int64, micros int) error {
	const secondsEnd, millisecondsBegin = 100_000_000_000, 100_000_000_000
	if seconds <= -secondsEnd || seconds >= secondsEnd {
		return fmt.Errorf("is too far from 1970 for an epoch number")
	}
	if ms := seconds*1000 + int64(micros/1000); micros%1000 == 0 && (ms >= millisecondsBegin || ms <= -millisecondsBegin) {
		e.dst = strconv.AppendInt(e.dst, ms, 10)
		return nil
	}
	total := seconds*1_000_000 + int64(micros)
	if total < 0 {
		e.dst = append(e.dst, '-')
		total = -total
	}
	e.dst = strconv.AppendInt(e.dst, total/1_000_000, 10)
	if fraction := total % 1_000_000; fraction > 0 {
		e.dst = fmt.Appendf(e.dst, ".%06d", fraction)
	}
	return nil
}

// CheckText finds what PostgreSQL cannot hold in text. The error is without the column.
func CheckText(s string) error {
	for i, r := range s {
		if r == 0 {
			return fmt.Errorf("has a NUL at byte %d", i)
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return fmt.Errorf("has bad UTF-8 at byte %d", i)
			}
		}
	}
	return nil
}

// text writes a JSON string. What PostgreSQL cannot hold is an error.
func (e *encoder) text(s string) error {
	if err := CheckText(s); err != nil {
		return err
	}
	e.dst = append(e.dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			e.dst = append(e.dst, '\\', byte(r))
		case r < ' ':
			e.dst = fmt.Appendf(e.dst, `\u%04x`, r)
		default:
			e.dst = utf8.AppendRune(e.dst, r)
		}
	}
	e.dst = append(e.dst, '"')
	return nil
}

// extra writes the members of an object of undeclared fields as they are, behind those of the ride itself.
func (e *encoder) extra(object string) error {
	d := &e.decoder
	d.begin([]byte(object))
	if bad := d.findMembers(); bad != nil {
		return fmt.Errorf("would be refused: %w", bad)
	}
	if d.scan.wide >= 0 {
		return fmt.Errorf("would be refused: %w", d.fieldError(extraFields, ReasonOutOfRange, d.scan.wide))
	}
	for i := range d.members {
		m := &d.members[i]
		if m.known {
			return fmt.Errorf("has a field of a ride's own, %s", columns[m.means.column].name)
		}
		e.dst = append(append(e.dst, ','), d.value[m.nameFirst-1:m.next]...)
	}
	return nil
}
