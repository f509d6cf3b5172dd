package repair

import (
	"testing"

	"pgregory.net/rapid"
)

// What a range leaves of the counts always adds up, and is exact where tables, log and events account for every offset of it.
func TestCountsWithout(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count := func(name string) int64 { return rapid.Int64Range(0, 50).Draw(t, name) }
		stays := Counts{Inserted: count("inserted"), DeadLetters: count("dead"), Tombstones: count("tombstones"), NotRecords: count("not records"), Lost: count("lost")}
		leaves := Counts{Inserted: count("inserted"), DeadLetters: count("dead"), Tombstones: count("tombstones"), NotRecords: count("not records"), Lost: count("lost")}
		all := Counts{
			Inserted: stays.Inserted + leaves.Inserted, DeadLetters: stays.DeadLetters + leaves.DeadLetters, Tombstones: stays.Tombstones + leaves.Tombstones,
			NotRecords: stays.NotRecords + leaves.NotRecords, Lost: stays.Lost + leaves.Lost,
		}
		known := seen{tombstones: leaves.Tombstones, notRecords: leaves.NotRecords}
		left, exact := all.without(leaves.sum(), tally{leaves.Inserted, leaves.DeadLetters}, known, leaves.Lost)
		if left != stays || !exact {
			t.Fatalf("%+v without %+v leaves %+v (exact: %t), want %+v", all, leaves, left, exact, stays)
		}
		// Whatever retention took of the log, and somebody of the tables: the sum closes, and nothing is below zero.
		gone := tally{rapid.Int64Range(0, leaves.Inserted).Draw(t, "rows found"), rapid.Int64Range(0, leaves.DeadLetters).Draw(t, "letters found")}
		known = seen{tombstones: rapid.Int64Range(0, 60).Draw(t, "tombstones found"), notRecords: rapid.Int64Range(0, 60).Draw(t, "not records found")}
		left, _ = all.without(leaves.sum(), gone, known, rapid.Int64Range(0, 60).Draw(t, "losses found"))
		if left.sum() != stays.sum() || min(left.Inserted, left.DeadLetters, left.Tombstones, left.NotRecords, left.Lost) < 0 {
			t.Fatalf("%+v without %d offsets leaves %+v, which sums up to %d", all, leaves.sum(), left, left.sum())
		}
	})
}
