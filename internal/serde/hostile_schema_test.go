package serde

import (
	"context"
	"strconv"
	"strings"
	"testing"
)

// Schemas of a quarter of what is compiled at all, made to hurt: each is compiled or refused, and none takes the process down.
func TestHostileSchemas(t *testing.T) {
	t.Parallel()
	const size = maxSchema / 4
	nested := func(open, inner, closing string) string {
		n := size / (len(open) + len(closing))
		return strings.Repeat(open, n) + inner + strings.Repeat(closing, n)
	}
	many := func(begin, end string, one func(i int) string) string {
		var b strings.Builder
		b.WriteString(begin)
		for i := 0; b.Len() < size; i++ {
			b.WriteString(one(i))
		}
		return b.String() + end
	}
	for name, text := range map[string]string{
		"Avro: arrays in arrays": nested(`{"type":"array","items":`, `"int"`, `}`),
		"Avro: unions in unions": nested(`[`, `"int"`, `]`),
		"Avro: records in records": func() string {
			var b strings.Builder
			n := size / 40 // deeper than the library allows
			for i := range n {
				b.WriteString(`{"type":"record","name":"R` + strconv.Itoa(i) + `","fields":[{"name":"f","type":`)
			}
			return b.String() + `"int"` + strings.Repeat("}]}", n)
		}(),
		"Avro: many fields": many(`{"type":"record","name":"R","fields":[{"name":"a","type":"int"}`, `]}`, func(i int) string { return `,{"name":"f` + strconv.Itoa(i) + `","type":"int"}` }),
		"Avro: a type that doubles": func() string {
			text := `"int"`
			for i := range 40 {
				text = `{"type":"record","name":"R` + strconv.Itoa(i) + `","fields":[{"name":"a","type":` + text + `},{"name":"b","type":"` + map[bool]string{true: "int", false: "R" + strconv.Itoa(i-1)}[i == 0] + `"}]}`
			}
			return text
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseAvro(text, nil)
			checkCompiled(t, name, err)
		})
	}
	for name, text := range map[string]string{
		"Protobuf: messages in messages": `syntax = "proto3";` + nested("message M{", "", "}"),
		"Protobuf: many fields":          many(`syntax = "proto3"; message M {`, `}`, func(i int) string { return "int32 f" + strconv.Itoa(i) + "=" + strconv.Itoa(i+1) + ";" }),
		"Protobuf: options in options":   `syntax = "proto3"; option (x) = ` + nested("{a:", "1", "}") + ";",
		"Protobuf: parentheses":          `syntax = "proto3"; message M { int32 a = 1 [` + nested("(", "", ")") + `]; }`,
		"Protobuf: many messages":        many(`syntax = "proto3";`, ``, func(i int) string { return "message M" + strconv.Itoa(i) + "{}" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseProtobuf(context.Background(), text, nil)
			checkCompiled(t, name, err)
		})
	}
}

func checkCompiled(t *testing.T, name string, err error) {
	t.Helper()
	if large := strings.Contains(name, "many") || strings.Contains(name, "doubles"); large != (err == nil) {
		t.Errorf("want it compiled: %t, got %.200v", large, err)
	}
}
