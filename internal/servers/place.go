package servers

import (
	"fmt"
	"strconv"
	"strings"
)

// place.go: how a partition is named on the command line and in results.

// Place names one partition of one topic. Where an operator chooses partitions, an empty topic stands for each topic that is meant.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// String is topic/3.
func (p Place) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

// ParsePlace reads topic/3, or 3 with an empty topic. It does not ask whether there is such a partition.
func ParsePlace(s string) (Place, error) {
	topic, number := "", s
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		topic, number = s[:i], s[i+1:]
		if topic == "" {
			return Place{}, fmt.Errorf("%q names no topic before the slash: write 3 or rides/3", s)
		}
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return Place{}, fmt.Errorf("%q is no partition: write 3 or rides/3", s)
	}
	return Place{Topic: topic, Partition: int32(n)}, nil
}
