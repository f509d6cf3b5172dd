package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kafka_properties.go: a .properties file, as java.util.Properties reads it. It is not the known library that reads it because that leaves a goroutine behind
// for each file that it refuses. After it kafka_file.go.

// parseProperties reads names and values; of a name that comes twice the last counts. Its error shows a line's number and nothing of it.
func parseProperties(content string) (map[string]string, error) {
	all := map[string]string{}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(content, "\ufeff")), "\n")
	for i := 0; i < len(lines); i++ {
		number, line := i+1, strings.TrimLeft(lines[i], propertyBlanks)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1 { // it goes on with the next line
			line = line[:len(line)-1]
			if i++; i == len(lines) {
				break
			}
			line += strings.TrimLeft(lines[i], propertyBlanks)
		}
		end := endOfName(line)
		value := strings.TrimLeft(line[end:], propertyBlanks)
		if value != "" && (value[0] == '=' || value[0] == ':') {
			value = strings.TrimLeft(value[1:], propertyBlanks)
		}
		name, nameRead := unescaped(line[:end])
		value, valueRead := unescaped(value)
		if !nameRead || !valueRead {
			return nil, fmt.Errorf(`line %d cannot be read: \u stands before four digits, and a backslash is written twice`, number)
		}
		all[name] = value
	}
	return all, nil
}

// propertyBlanks stand around names, and before lines and values.
const propertyBlanks = " \t\f"

// endOfName is where the name ends: at a blank, an equals sign or a colon without a backslash before it.
func endOfName(line string) int {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			return i
		}
	}
	return len(line)
}

// unescaped takes the backslashes out. It is false for a \u without four digits.
func unescaped(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			code, err := strconv.ParseUint(s[i+1:min(len(s), i+5)], 16, 16)
			if err != nil || len(s) < i+5 {
				return "", false
			}
			b.Write(utf8.AppendRune(nil, rune(code)))
			i += 4
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
