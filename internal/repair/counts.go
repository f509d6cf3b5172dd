package repair

// counts.go: what a reset leaves of the ledger's counts. next - first is their sum before and after.

// Counts is what became of the offsets of a partition.
type Counts struct {
	Inserted    int64 `json:"inserted"`
	DeadLetters int64 `json:"dead_letters"`
	Tombstones  int64 `json:"tombstones"`
	NotRecords  int64 `json:"not_records"`
	Lost        int64 `json:"lost"`
}

func (c Counts) sum() int64 {
	return c.Inserted + c.DeadLetters + c.Tombstones + c.NotRecords + c.Lost
}

// tally counts rows of the two tables.
type tally struct {
	Rows        int64 `json:"rows"`
	DeadLetters int64 `json:"dead_letters"`
}

// without returns the counts of a partition whose last span offsets leave. Of those, gone is what was deleted from the tables, seen what the log
// still tells of the rest, lost what sink_events says was lost. If these do not account for every offset (retention or compaction took
// records, somebody edited the tables) the rest is taken from where it must have been counted, not-records first, and exact is false: the sum
// closes in any case, and no count becomes negative.
func (c Counts) without(span int64, gone tally, seen seen, lost int64) (left Counts, exact bool) {
	left = c
	rest := span
	take := func(from *int64, most int64) {
		n := max(0, min(*from, most, rest))
		*from -= n
		rest -= n
	}
	take(&left.Inserted, gone.Rows)
	take(&left.DeadLetters, gone.DeadLetters)
	take(&left.Lost, lost)
	take(&left.Tombstones, seen.tombstones)
	exact = rest == seen.notRecords && rest <= left.NotRecords && span-rest == gone.Rows+gone.DeadLetters+lost+seen.tombstones
	for _, from := range []*int64{&left.NotRecords, &left.Tombstones, &left.Lost, &left.Inserted, &left.DeadLetters} {
		take(from, rest)
	}
	return left, exact
}
