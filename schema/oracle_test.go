package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// oracle_test.go: the rules once more, slowly, on top of encoding/json, time and math/big, sharing only the table of names with the
// decoder. against_test.go holds the two against each other.

// verdict is what the oracle says of a record: values by column, or the reasons that it may be refused for.
type verdict struct {
	values  map[string]string
	extra   map[string]any
	reasons []Reason
}

func (v *verdict) refuse(r Reason) { v.reasons = append(v.reasons, r) }

// judge returns false for the few records it cannot judge, because encoding/json does not tell what it needs.
func judge(value []byte) (v verdict, judged bool) {
	lower := bytes.ToLower(value)
	if bytes.Contains(value, []byte("NaN")) || bytes.Contains(lower, []byte("ufffd")) || bytes.ContainsRune(value, utf8.RuneError) && utf8.Valid(value) {
		return v, false
	}
	if bytes.Count(value, []byte("{"))+bytes.Count(value, []byte("[")) > maxDepth {
		return v, false
	}
	if !json.Valid(value) {
		v.refuse(ReasonInvalidJSON)
		return v, true
	}
	if !utf8.Valid(value) || badStrings(value) {
		v.refuse(ReasonBadText)
		return v, true
	}
	if value = bytes.TrimSpace(value); value[0] != '{' {
		v.refuse(ReasonNotAnObject)
		return v, true
	}
	v.judgeObject(unwrapped(value, 2))
	return v, true
}

// unwrapped returns the object in the envelopes of Kafka Connect and Debezium, up to so many of them; else value itself.
func unwrapped(value json.RawMessage, most int) json.RawMessage {
	all, replaced := objectMembers(value)
	byName := map[string]string{}
	for _, g := range slices.Concat(all, replaced) {
		if _, known := fieldOf(g.name); known {
			return value
		}
		byName[g.name] = string(g.raw)
	}
	for _, g := range replaced {
		if slices.Contains([]string{"schema", "payload", "after", "op", "source"}, g.name) {
			return value
		}
	}
	if most == 0 || escapedNames(value) {
		return value
	}
	isObject := func(name string) bool { return strings.HasPrefix(byName[name], "{") }
	inner := ""
	switch {
	case len(all)+len(replaced) == 2 && isObject("payload") && (isObject("schema") || byName["schema"] == "null"):
		inner = byName["payload"]
	case isObject("after") && isObject("source") && slices.Contains([]string{`"c"`, `"r"`, `"u"`}, byName["op"]):
		inner = byName["after"]
	default:
		return value
	}
	return unwrapped(json.RawMessage(inner), most-1)
}

// escapedNames says that a name of the object itself has an escape.
func escapedNames(value []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(value))
	_, _ = decoder.Token()
	for decoder.More() {
		before := decoder.InputOffset()
		_, _ = decoder.Token()
		if bytes.ContainsRune(value[before:decoder.InputOffset()], '\\') {
			return true
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			panic(err) // it was valid
		}
	}
	return false
}

// badStrings says that a string or a name has a NUL, or half a surrogate pair, which encoding/json replaces.
func badStrings(value []byte) bool {
	tokens := json.NewDecoder(bytes.NewReader(value))
	tokens.UseNumber()
	for {
		token, err := tokens.Token()
		if err != nil {
			return false
		}
		if s, ok := token.(string); ok && strings.ContainsAny(s, "\x00\uFFFD") {
			return true
		}
	}
}

type given struct {
	name string
	raw  json.RawMessage
}

// objectMembers returns the members of an object in the order in which their last ones come, and those that were replaced.
func objectMembers(value []byte) (all, replaced []given) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	_, _ = decoder.Token()
	for decoder.More() {
		token, _ := decoder.Token()
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			panic(err) // it was valid
		}
		name := token.(string)
		all = slices.DeleteFunc(all, func(g given) bool {
			if g.name == name {
				replaced = append(replaced, g)
			}
			return g.name == name
		})
		all = append(all, given{name, raw})
	}
	return all, replaced
}

var (
	jsonNumber = regexp.MustCompile(`-?\d[\d.eE+-]*`)
	jsonString = regexp.MustCompile(`"(\\.|[^"\\])*"`)
	onlyDigits = regexp.MustCompile(`^\d+$`)
	newYork    = sync.OnceValues(func() (*time.Location, error) { return time.LoadLocation("America/New_York") })
)

func (v *verdict) judgeObject(value []byte) {
	v.values, v.extra = map[string]string{}, map[string]any{}
	known := false
	told, families := map[string]bool{}, map[string]bool{}
	members, replaced := objectMembers(value)
	for _, g := range replaced { // jsonb would read these numbers too
		if _, ok := fieldOf(g.name); !ok {
			v.judgeExtra(g)
		}
	}
	for _, g := range members {
		field, ok := fieldOf(g.name)
		if !ok {
			v.judgeExtra(g)
			continue
		}
		known = true
		family := map[byte]string{'t': "yellow", 'l': "green"}[strings.ToLower(strings.ReplaceAll(g.name, "_", ""))[0]]
		if field.Kind != KindTime {
			family = ""
		}
		families[family] = true
		text, null, reason := judgeValue(field.Kind, g.raw)
		if reason != "" {
			v.refuse(reason)
			continue
		}
		if null {
			continue
		}
		told[family] = true
		if before, had := v.values[field.Column]; !had {
			v.values[field.Column] = text
		} else if before != text && (field.Kind != KindDecimal || rational(before).Cmp(rational(text)) != 0) {
			v.refuse(ReasonWrongType)
		}
	}
	if !known {
		v.refuse(ReasonNoKnownField)
	}
	delete(told, "")
	delete(families, "")
	if len(told) == 0 {
		told = families
	}
	if _, said := v.values["taxi_type"]; !said && len(told) == 1 {
		for family := range told {
			v.values["taxi_type"] = family
		}
	}
}

func (v *verdict) judgeExtra(g given) {
	withoutStrings := jsonString.ReplaceAll(g.raw, []byte(`""`))
	for _, number := range jsonNumber.FindAllString(string(withoutStrings), -1) {
		if _, reason := plainDecimal(number); reason != "" {
			v.refuse(reason)
		}
	}
	v.extra[g.name] = anyValue(g.raw)
}

func anyValue(raw []byte) (x any) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&x); err != nil {
		panic(err)
	}
	return x
}

func fieldOf(name string) (Field, bool) {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			switch {
			case r == '_':
				return -1
			case 'A' <= r && r <= 'Z':
				return r + 'a' - 'A'
			}
			return r
		}, s)
	}
	for _, f := range Fields() {
		for _, n := range f.Names {
			if len(name) <= longestName && plain(n) == plain(name) {
				return f, true
			}
		}
	}
	return Field{}, false
}

func judgeValue(kind Kind, raw json.RawMessage) (text string, null bool, reason Reason) {
	switch x := anyValue(raw).(type) {
	case nil:
		return "", true, ""
	case string:
		switch {
		case x == "", kind != KindText && x == "nan":
			return "", true, ""
		case kind == KindText:
			return x, false, ""
		}
		text, reason = judgeNotation(kind, x)
		return text, false, reason
	case json.Number:
		if kind == KindText {
			return "", false, ReasonWrongType
		}
		text, reason = judgeNotation(kind, string(x))
		return text, false, reason
	case []any:
		if kind == KindTime {
			return judgeList(raw)
		}
	}
	return "", false, ReasonWrongType
}

func judgeNotation(kind Kind, text string) (string, Reason) {
	switch kind { //nolint:exhaustive // the rest is times
	case KindDecimal:
		return plainDecimal(text)
	case KindInteger:
		plain, reason := plainDecimal(text)
		if reason != "" {
			return "", reason
		}
		r := rational(plain)
		if !r.IsInt() {
			return "", ReasonWrongType
		}
		if !r.Num().IsInt64() || r.Num().Int64() != int64(int32(r.Num().Int64())) {
			return "", ReasonOutOfRange
		}
		return r.Num().String(), ""
	}
	if moment, ok := judgeClock(text); ok {
		return moment, ""
	}
	return "", ReasonBadTime
}

var notation = regexp.MustCompile(`^[+-]?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$`)

// plainDecimal writes a number out, with as many digits behind the point as its text has.
func plainDecimal(text string) (string, Reason) {
	parts := notation.FindStringSubmatch(text)
	if parts == nil || parts[1]+parts[2] == "" {
		return "", ReasonWrongType
	}
	exponent := new(big.Int)
	if parts[3] != "" {
		exponent.SetString(strings.TrimPrefix(parts[3], "+"), 10)
	}
	digits := strings.TrimLeft(parts[1]+parts[2], "0")
	scale := new(big.Int).Sub(big.NewInt(int64(len(parts[2]))), exponent)
	behind := new(big.Int).Set(scale)
	if behind.Sign() < 0 {
		behind.SetInt64(0)
	}
	before := new(big.Int).Sub(big.NewInt(int64(len(digits))), scale)
	if digits == "" || before.Sign() < 0 {
		before.SetInt64(0)
	}
	if new(big.Int).Add(before, behind).Cmp(big.NewInt(1000)) > 0 {
		return "", ReasonOutOfRange
	}
	value := new(big.Rat)
	if digits != "" {
		value.SetString(digits)
		power := new(big.Int).Exp(big.NewInt(10), new(big.Int).Abs(scale), nil)
		if scale.Sign() > 0 {
			value.Quo(value, new(big.Rat).SetInt(power))
		} else {
			value.Mul(value, new(big.Rat).SetInt(power))
		}
		if text[0] == '-' {
			value.Neg(value)
		}
	}
	return value.FloatString(int(behind.Int64())), ""
}

func rational(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}

const canonicalTime = "2006-01-02 15:04:05.000000"

var clockShape = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)?$`)

func judgeClock(text string) (string, bool) {
	parts := clockShape.FindStringSubmatch(text)
	if parts == nil {
		return judgeEpoch(text)
	}
	if parts[3] == "" {
		if parts[4] != "" {
			return "", false
		}
		parts[3] = ":00"
	}
	clock, err := time.Parse(time.DateTime, parts[1]+" "+parts[2]+parts[3])
	if err != nil || clock.Year() == 0 {
		return "", false
	}
	if parts[4] != "" {
		fraction := rational("0" + parts[4])
		fraction.Mul(fraction, big.NewRat(1_000_000, 1))
		clock = clock.Add(time.Duration(new(big.Int).Quo(fraction.Num(), fraction.Denom()).Int64()) * time.Microsecond)
	}
	if zone := strings.ReplaceAll(parts[5], ":", ""); zone != "" && zone != "Z" {
		if len(zone) == 3 {
			zone += "00"
		}
		var hours, minutes int
		fmt.Sscanf(zone[1:], "%02d%02d", &hours, &minutes)
		offset := 3600*hours + 60*minutes
		if zone[0] == '-' {
			offset = -offset
		}
		location, err := newYork()
		if err != nil {
			panic(err)
		}
		_, there := clock.Add(-time.Duration(offset) * time.Second).In(location).Zone()
		if minutes > 59 || offset != 0 && there != offset {
			return "", false
		}
	}
	return clock.Format(canonicalTime), true
}

func judgeEpoch(text string) (string, bool) {
	plain, reason := plainDecimal(text)
	if reason != "" {
		return "", false
	}
	micros := rational(plain)
	size := new(big.Rat).Abs(micros)
	switch {
	case size.Cmp(big.NewRat(1e11, 1)) < 0:
		micros.Mul(micros, big.NewRat(1e6, 1))
	case size.Cmp(big.NewRat(1e14, 1)) < 0:
		micros.Mul(micros, big.NewRat(1e3, 1))
	case size.Cmp(big.NewRat(1e17, 1)) >= 0:
		return "", false
	}
	floor := new(big.Int).Div(micros.Num(), micros.Denom()) // Euclidean: down, for a positive denominator
	return time.UnixMicro(floor.Int64()).UTC().Format(canonicalTime), true
}

func judgeList(raw json.RawMessage) (text string, null bool, reason Reason) {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		panic(err)
	}
	if len(parts) == 1 {
		if parts[0][0] == '[' {
			return "", false, ReasonBadTime
		}
		return judgeValue(KindTime, parts[0])
	}
	n := make([]int, 7)
	for i, part := range parts {
		if len(parts) > 7 || len(part) > 9 || json.Unmarshal(part, &n[i]) != nil || !onlyDigits.Match(part) {
			return "", false, ReasonBadTime
		}
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]/1000*1000, time.UTC)
	same := t.Year() == n[0] && int(t.Month()) == n[1] && t.Day() == n[2] && t.Hour() == n[3] && t.Minute() == n[4] && t.Second() == n[5]
	if len(parts) < 5 || !same || n[0] < 1 || n[0] > lastYear || n[6] > 999_999_999 {
		return "", false, ReasonBadTime
	}
	return t.Format(canonicalTime), false, ""
}

// rideValues returns what a Ride holds, by column, as the oracle writes it.
func rideValues(r Ride) map[string]string {
	values := map[string]string{}
	for i := range columns {
		c := &columns[i]
		if !c.arrives() {
			continue
		}
		switch field := c.of(&r).(type) {
		case *Null[time.Time]:
			if field.Valid {
				values[c.name] = field.Value.Format(canonicalTime)
			}
		case *Null[int32]:
			if field.Valid {
				values[c.name] = fmt.Sprint(field.Value)
			}
		case *string:
			if *field != "" {
				values[c.name] = *field
			}
		case *Decimal:
			if *field != "" {
				values[c.name] = string(*field)
			}
		}
	}
	return values
}
