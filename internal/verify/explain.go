package verify

import (
	"context"

	"github.com/segmentio/kafka-go"
)

// explain.go: what an operator wonders about, in words: a ledger that is behind the log, halted, or elsewhere than Kafka's committed offset. None of it
// is a difference.

// explain notes what is worth knowing of a partition before it is compared.
func (v *verification) explain(c *partitionCheck, l *topicLog, exists bool) {
	bounds := l.bounds[c.place.Partition]
	switch {
	case !c.known && exists && bounds.LastStable > bounds.LogStart:
		c.note("the ledger has no row for it: nothing of its %d offsets was read yet", bounds.LastStable-bounds.LogStart)
	case c.known && exists && bounds.LastStable > c.ledger.next:
		c.note("the ledger is %d offsets behind the end of the log: they were not read yet", bounds.LastStable-c.ledger.next)
	}
	if offset, told := l.committed[c.place]; told && offset > c.ledger.next {
		c.note("Kafka's committed offset of group %s is %d, and the ledger is at %d: the database was restored or reset behind it; the ledger decides, so the next start reads again from there",
			c.ledger.group, offset, c.ledger.next)
	} else if told && offset < c.ledger.next {
		c.note("Kafka's committed offset of group %s is %d, behind the ledger at %d: only lag tools see it; it follows when the sink runs", c.ledger.group, offset, c.ledger.next)
	}
	if c.known && c.ledger.halted != "" {
		c.note("halted: %s", c.ledger.halted)
	}
}

// committedOffsets asks Kafka for the committed offsets of the groups that wrote the topic's partitions last. What it does not say is left out.
func (v *verification) committedOffsets(ctx context.Context, topic string) map[Place]int64 {
	byGroup := map[string][]int{}
	for place, row := range v.snapshot.ledger {
		if place.Topic == topic && row.group != "" {
			byGroup[row.group] = append(byGroup[row.group], int(place.Partition))
		}
	}
	offsets := map[Place]int64{}
	for group, partitions := range byGroup {
		response, err := v.kafka.Client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: partitions}})
		if err == nil {
			err = response.Error
		}
		if err != nil {
			v.note("%s: the committed offsets of group %s are not known (%v)", topic, group, err)
			continue
		}
		for _, p := range response.Topics[topic] {
			if p.Error == nil && p.CommittedOffset >= 0 {
				offsets[Place{Topic: topic, Partition: int32(p.Partition)}] = p.CommittedOffset
			}
		}
	}
	return offsets
}
