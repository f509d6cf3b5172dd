package verify

// counts.go: the ledger's counts against what was found of a partition. Before it partition.go, which has seen everything by now.

// checkCounts notes where the ledger's sums contradict themselves, the tables or the topic. What was not looked at as a whole cannot be counted.
func (c *partitionCheck) checkCounts() {
	l, r := &c.ledger, c.report
	if !c.known {
		return
	}
	if l.next-l.first != l.sum() {
		c.contradiction(-1, "next_offset %d - first_offset %d is %d, and its counts add up to %d", l.next, l.first, l.next-l.first, l.sum())
	}
	c.checkLosses()
	if c.selection.bounded() {
		return
	}
	if c.storedRows != l.inserted {
		c.contradiction(-1, "it counts %d rows, and rides has %d in [%d,%d)", l.inserted, c.storedRows, l.first, l.next)
	}
	if c.storedDead != l.dead {
		c.contradiction(-1, "it counts %d dead letters, and sink_dead_letters has %d in [%d,%d)", l.dead, c.storedDead, l.first, l.next)
	}
	// Compaction and retention take tombstones and markers; of an accepted loss nobody knows what it held.
	if c.compacted || c.gone > 0 || l.lost > 0 || r.Unreadable > 0 || r.Ledger > 0 {
		return
	}
	if r.Tombstones != l.tombstones {
		c.contradiction(-1, "it counts %d tombstones, and the topic has %d", l.tombstones, r.Tombstones)
	}
	if r.NotRecords != l.notRecords {
		c.contradiction(-1, "it counts %d offsets without a record, and the topic has %d", l.notRecords, r.NotRecords)
	}
}

// checkLosses holds missing records against the losses that were accepted: there cannot be more than the ledger counts.
func (c *partitionCheck) checkLosses() {
	l := &c.ledger
	if c.excusedAll <= l.lost {
		c.report.Lost = c.excusedAll
	} else {
		c.report.Missing += c.excusedAll
		for _, d := range c.excused {
			c.different(d)
		}
		c.contradiction(-1, "it counts %d offsets as lost, and %d records are missing where losses were accepted", l.lost, c.excusedAll)
	}
	var explained int64
	for _, loss := range c.losses {
		explained += max(0, min(loss.next, l.next)-max(loss.first, l.first))
		if l.lost > 0 {
			c.note("sink_events has %s for offsets [%d,%d)", loss.event, loss.first, loss.next)
		}
	}
	if explained < l.lost {
		c.contradiction(-1, "it counts %d offsets as lost, and sink_events explains only %d", l.lost, explained)
	}
}
