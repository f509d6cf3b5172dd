// Package repair changes what is stored at an operator's word, under the ledger's lock: `sink reset` and `sink deadletters`.
//
//	selection.go         which topics and partitions are meant
//	target.go            where a reset goes: earliest, latest, an offset, a time
//	reset.go             plan and carry out a reset, in one transaction
//	recreated.go         the same for a topic that was deleted and made again
//	counts.go            what a reset leaves of the ledger's counts, so that they still add up
//	scan.go              reads the log again, to count tombstones and offsets without records
//	losses.go            which offsets were accepted as lost, from sink_events
//	deadletters_list.go  reads dead letters, by filter; deadletters_retry.go and deadletters_drop.go change them
//	lock.go              the transaction around every change, which locks the ledger's rows first
//	sql.go               every statement
//
// A sink may go on running meanwhile: its compare-and-set of the ledger waits for the lock, then finds the position elsewhere, stores nothing of
// its batch, and follows. Sessions are named ridesink-repair, so that members, which end frozen sessions of their own kind, leave them alone.
package repair
