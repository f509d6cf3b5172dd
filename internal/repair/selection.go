package repair

import (
	"fmt"
	"strings"

	"ridesink/internal/servers"
)

// selection.go: which topics and partitions are meant.

// Place names one partition of one topic.
type Place = servers.Place

// Selection is the partitions that a command is about.
type Selection struct {
	Topics     []string
	Partitions []Place // only these; none: all. An empty topic stands for each of Topics.
}

// Check reports a partition that names a topic which is not meant.
func (s Selection) Check() error {
	for _, p := range s.Partitions {
		if p.Topic != "" && !s.hasTopic(p.Topic) {
			return usagef("%s is not one of the topics %s: name it with --topics", p, strings.Join(s.Topics, ", "))
		}
	}
	return nil
}

func (s Selection) hasTopic(topic string) bool {
	for _, t := range s.Topics {
		if t == topic {
			return true
		}
	}
	return false
}

// includes says whether a partition is meant.
func (s Selection) includes(at Place) bool {
	if !s.hasTopic(at.Topic) {
		return false
	}
	for _, p := range s.Partitions {
		if p.Partition == at.Partition && (p.Topic == "" || p.Topic == at.Topic) {
			return true
		}
	}
	return len(s.Partitions) == 0
}

// UsageError says that what was asked for cannot be done as it was asked. Its text says what can.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &UsageError{text: fmt.Sprintf(format, args...)} }
