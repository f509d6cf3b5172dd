package schema

import (
	"time"
	_ "time/tzdata" // New York's rules must be there in a container without zoneinfo too; about 450 KB
)

// clock.go: the notations of times. All of them end as microseconds since 2000-01-01 00:00:00 of a clock without a zone, as PostgreSQL
// keeps them. Before it value.go.

const (
	microsecond    = 1
	second         = 1_000_000 * microsecond
	minute         = 60 * second
	hour           = 60 * minute
	day            = 24 * hour
	unixToPostgres = 946_684_800 * second // from 1970-01-01 to 2000-01-01

	// What timestamp and timestamptz hold: from the year 4714 BC up to, and without, the year 294277.
	firstTimestamp = -211_813_488_000_000_000
	nextTimestamp  = 9_223_371_331_200_000_000
	lastYear       = 294_276
)

// daysToYear2000 is how many days lie between 0000-03-01, where daysFrom counts from, and 2000-01-01.
const daysToYear2000 = 730_425

// daysFrom returns the days since 2000-01-01 of a date of the Gregorian calendar; year is at least 1.
func daysFrom(year, month, dayOfMonth int) int {
	if month < 3 { // a year that begins in March has its leap day at its end
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + dayOfMonth - 1 - daysToYear2000
}

// daysIn returns the length of a month.
func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

// date returns midnight of a date.
func date(year, month, dayOfMonth int) (micros int64, ok bool) {
	if year < 1 || year > lastYear || month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > daysIn(year, month) {
		return 0, false
	}
	return int64(daysFrom(year, month, dayOfMonth)) * day, true
}

// sinceMidnight returns a time of day.
func sinceMidnight(h, m, s int) (micros int64, ok bool) {
	return int64(h)*hour + int64(m)*minute + int64(s)*second, 0 <= h && h < 24 && 0 <= m && m < 60 && 0 <= s && s < 60
}

// clock reads text: 2020-07-01 00:25:32, with T between, without seconds, with a fraction, with a zone; or an epoch number.
func (d *Decoder) clock(text []byte) (micros int64, ok bool) {
	const minutes = len("2020-07-01 00:25")
	if len(text) < minutes || text[4] != '-' || text[7] != '-' || text[10] != ' ' && text[10] != 'T' || text[13] != ':' {
		return d.epoch(text)
	}
	century, year, month, dayOfMonth := twoDigits(text, 0), twoDigits(text, 2), twoDigits(text, 5), twoDigits(text, 8)
	h, m, s := twoDigits(text, 11), twoDigits(text, 14), 0
	if century < 0 || year < 0 {
		return 0, false
	}
	rest := text[minutes:]
	var fraction int64
	if len(rest) > 0 && rest[0] == ':' {
		if len(rest) < len(":32") {
			return 0, false
		}
		s = twoDigits(rest, 1)
		if fraction, rest, ok = secondFraction(rest[3:]); !ok {
			return 0, false
		}
	}
	midnight, dateOK := date(100*century+year, month, dayOfMonth)
	timeOfDay, timeOK := sinceMidnight(h, m, s)
	if !dateOK || !timeOK {
		return 0, false
	}
	micros = midnight + timeOfDay + fraction
	return micros, len(rest) == 0 || d.sameClock(micros, rest)
}

// twoDigits returns the number that two digits at i make, a negative one if they are not digits.
func twoDigits(text []byte, i int) int {
	tens, ones := text[i]-'0', text[i+1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return 10*int(tens) + int(ones)
}

// secondFraction reads what follows a point, cut to microseconds.
func secondFraction(text []byte) (micros int64, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '.' {
		return 0, text, true
	}
	digits, rest := leadingDigits(text[1:])
	for i := range 6 {
		micros *= 10
		if i < len(digits) {
			micros += int64(digits[i] - '0')
		}
	}
	return micros, rest, len(digits) > 0
}

// sameClock says that a zone leaves the clock as it is: UTC, which feeds write that know no better, and New York's own offset then.
func (d *Decoder) sameClock(micros int64, zone []byte) bool {
	if string(zone) == "Z" {
		return true
	}
	if len(zone) < len("-04") || zone[0] != '+' && zone[0] != '-' {
		return false
	}
	hours, minutes := twoDigits(zone, 1), 0
	switch rest := zone[3:]; {
	case len(rest) == 0:
	case len(rest) == 2:
		minutes = twoDigits(rest, 0)
	case len(rest) == 3 && rest[0] == ':':
		minutes = twoDigits(rest, 1)
	default:
		return false
	}
	if hours < 0 || minutes < 0 || minutes > 59 {
		return false
	}
	offset := hours*3600 + minutes*60
	if zone[0] == '-' {
		offset = -offset
	}
	if offset == 0 {
		return true
	}
	if d.newYork == nil {
		var err error
		if d.newYork, err = time.LoadLocation("America/New_York"); err != nil {
			panic("schema: time/tzdata is linked but has no America/New_York: " + err.Error())
		}
	}
	moment := time.UnixMicro(micros + unixToPostgres - int64(offset)*second)
	_, there := moment.In(d.newYork).Zone()
	return there == offset
}

// Digits before the point up to which an epoch number counts seconds, milliseconds and microseconds.
const (
	secondDigits      = 11
	millisecondDigits = 14
	microsecondDigits = 17
)

// epoch reads a number as the clock of UTC at that moment. Its size tells its unit; what is finer than a microsecond is cut off.
func (d *Decoder) epoch(text []byte) (micros int64, ok bool) {
	s, reason := d.decimal(text)
	if reason != "" {
		return 0, false
	}
	var buffer [32]byte
	digits := d.appendDigits(buffer[:0], s)
	whole := max(len(digits)-int(s.scale), 0)
	want := whole
	switch {
	case whole <= secondDigits:
		want += 6
	case whole <= millisecondDigits:
		want += 3
	case whole > microsecondDigits:
		return 0, false
	}
	// digits is 0.00ddd where the scale is larger than their number: the i-th digit from the point's left.
	leading := max(int(s.scale)-len(digits), 0)
	cut := false
	for i := range want {
		micros *= 10
		if j := i - leading; j >= 0 && j < len(digits) {
			micros += int64(digits[j] - '0')
		}
	}
	for j := max(want-leading, 0); j < len(digits); j++ {
		cut = cut || digits[j] != '0'
	}
	if s.negative {
		micros = -micros
		if cut { // to the microsecond before, as everywhere
			micros--
		}
	}
	return micros - unixToPostgres, true
}

// javaClock reads the 5 to 7 integers of a LocalDateTime.
func javaClock(part []int) (micros int64, ok bool) {
	part = append(part, 0, 0)
	midnight, dateOK := date(part[0], part[1], part[2])
	timeOfDay, timeOK := sinceMidnight(part[3], part[4], part[5])
	nanos := part[6]
	return midnight + timeOfDay + int64(nanos/1000), dateOK && timeOK && 0 <= nanos && nanos < 1_000_000_000
}
