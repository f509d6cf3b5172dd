package partlog

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// aborted.go: which batches of a response belong to aborted transactions (KIP-98). The broker lists the transactions that a response
// touches; a producer's batches count as aborted from a listed first offset until its abort marker.

// abortedTransaction is one of the list.
type abortedTransaction struct {
	producer int64
	first    int64
}

// abortedFilter walks a response's batches in order. Its state is worth nothing beyond the response.
type abortedFilter struct {
	pending []abortedTransaction // by first offset
	open    []int64              // producers inside an aborted transaction, few at a time
}

func (f *abortedFilter) reset(list []abortedTransaction) {
	slices.SortFunc(list, func(a, b abortedTransaction) int { return cmp.Compare(a.first, b.first) })
	f.pending, f.open = list, f.open[:0]
}

// drops reports whether b holds no committed records: it is a control batch, or part of an aborted transaction.
func (f *abortedFilter) drops(b *batch) bool {
	for len(f.pending) > 0 && f.pending[0].first < b.next {
		if !slices.Contains(f.open, f.pending[0].producer) {
			f.open = append(f.open, f.pending[0].producer)
		}
		f.pending = f.pending[1:]
	}
	if b.control() {
		if isAbortMarker(b) {
			f.open = slices.DeleteFunc(f.open, func(producer int64) bool { return producer == b.producer })
		}
		return true
	}
	return b.transactional() && slices.Contains(f.open, b.producer)
}

// isAbortMarker reports whether a control batch ends a transaction by aborting it: the key of its record is an int16 version and an
// int16 type, 0 for abort.
func isAbortMarker(b *batch) bool {
	var r Record
	if _, ok := r.read(b.records, b); !ok || len(r.Key) < 4 {
		return false
	}
	return binary.BigEndian.Uint16(r.Key[2:]) == 0
}
