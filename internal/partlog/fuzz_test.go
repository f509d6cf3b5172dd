package partlog

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// fuzz_test.go: whatever a connection brings, nothing panics, hangs or takes more than its limit; and the transaction filter agrees with an
// oracle that looks at the whole log.

// FuzzFetchResponse: any bytes as the answer to a fetch.
func FuzzFetchResponse(f *testing.F) {
	good := answer{correlation: 9, topic: "rides", partition: 7, records: join(plain(100, 2), marker(5, 102, false))}
	f.Add(good.bytes(), int16(fetchNewest))
	f.Add(good.bytes()[:60], int16(fetchNewest))
	good.code = codeOffsetOutOfRange
	f.Add(good.bytes(), int16(fetchNewest))
	for version := int16(fetchOldest); version < fetchNewest; version++ {
		f.Add(make([]byte, 100), version)
	}
	f.Fuzz(func(t *testing.T, sent []byte, version int16) {
		bounded(t, len(sent), 1<<16, func() {
			m := testFetch(1 << 16)
			m.version = version
			got, err := m.RawExchange(&wire{Reader: bytes.NewReader(sent)})
			if cap(m.buf) > 1<<16 {
				t.Fatalf("%d bytes taken", cap(m.buf))
			}
			if err != nil {
				return
			}
			opened := new(Fetched)
			response := got.(*fetchResponse)
			if err := opened.open(testReader(t), response, 100, 1<<16, 1<<16); err == nil {
				drain(t, opened)
			}
		})
	})
}

// FuzzRecordBatch: any bytes as the content of a batch whose frame and checksum are right, with any header.
func FuzzRecordBatch(f *testing.F) {
	sound := plain(100, 3)
	sound.records[1].headers = []Header{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b")}}
	f.Add(sound.content(), int32(3), int32(2), int16(0), int64(100))
	for _, e := range encodings() {
		f.Add(e.encode(f, sound.content()), int32(3), int32(2), e.codec, int64(101))
	}
	f.Add([]byte{}, int32(0), int32(9), int16(codecGzip), int64(105))
	f.Add([]byte("nonsense"), int32(-1), int32(-1), int16(-1), int64(0))
	f.Fuzz(func(t *testing.T, payload []byte, count, lastDelta int32, attributes int16, position int64) {
		bounded(t, len(payload), 1<<20, func() {
			const limit = 1 << 17
			position &= maxOffset - 1 // no caller asks for others
			c := crafted{first: 100, next: 100 + int64(lastDelta) + 1, count: count, attributes: attributes, payload: append([]byte{}, payload...), producer: 5}
			fetched := new(Fetched)
			err := fetched.open(testReader(t), &fetchResponse{records: join(c, plain(c.next, 1))}, position, 1<<20, limit)
			if err != nil {
				var corrupt *CorruptError
				if !errors.As(err, &corrupt) || corrupt.Next <= corrupt.First || corrupt.First < position {
					t.Fatalf("at %d: %+v", position, err)
				}
				return
			}
			drain(t, fetched)
			if cap(fetched.scratch) > limit {
				t.Fatalf("%d bytes taken, above the limit", cap(fetched.scratch))
			}
		})
	})
}

// FuzzRecordBatches: any bytes as the records of an answer.
func FuzzRecordBatches(f *testing.F) {
	f.Add(join(plain(100, 3), plain(103, 1)), int64(101))
	f.Add(join(transactional(5, 100, 2), marker(5, 102, true)), int64(100))
	f.Add(plain(100, 3).bytes()[:50], int64(100))
	f.Fuzz(func(t *testing.T, records []byte, position int64) {
		bounded(t, len(records), 1<<16, func() {
			position &= maxOffset - 1 // no caller asks for others
			fetched := new(Fetched)
			if err := fetched.open(testReader(t), &fetchResponse{records: records}, position, 1<<16, 1<<16); err == nil {
				drain(t, fetched)
			}
		})
	})
}

// FuzzMetadata: any bytes as the answer to a metadata request.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 'a', 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0}, int16(12))
	f.Add(make([]byte, 64), int16(8))
	f.Fuzz(func(t *testing.T, sent []byte, version int16) {
		bounded(t, len(sent), 0, func() {
			version = metadataOldest + int16(uint16(version)%9)
			if _, err := readMetadata(&response{b: sent, flexible: version > metadataClassic}, version); err != nil && !Retriable(err) {
				t.Fatal(err)
			}
			if _, err := readOffsets(&response{b: sent}, 2+version%4); err != nil && !Retriable(err) {
				t.Fatal(err)
			}
		})
	})
}

// FuzzAborted makes a log out of steps, one byte each, by four producers: a batch, a commit, an abort. The oracle knows of each batch how its transaction
// ended. It is read in pieces from any position, each with the list that a broker would give.
func FuzzAborted(f *testing.F) {
	f.Add([]byte{0, 1, 8, 0, 4, 1, 9, 2, 3, 12, 13}, uint8(0), uint8(3))
	f.Add([]byte{0, 8, 0, 4, 0, 8, 0, 4, 0, 8}, uint8(2), uint8(1))
	f.Add([]byte{0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11}, uint8(5), uint8(200))
	f.Fuzz(func(t *testing.T, steps []byte, from, pieces uint8) {
		bounded(t, 20*len(steps), 1<<16, func() {
			steps = steps[:min(len(steps), 100)]
			log := newOracle(steps)
			position := min(int64(from), log.next)
			want := slices.DeleteFunc(slices.Clone(log.committed), func(o int64) bool { return o < position })
			var got []int64
			for position < log.next {
				records, next := log.read(position, 1+int(pieces)%20)
				fetched, err := answered(t, position, records, log.abortedIn(position, next)...)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, offsets(drain(t, fetched))...)
				if fetched.Err() != nil || fetched.Next() != next {
					t.Fatalf("[%d,%d): ends at %d, %v", position, next, fetched.Next(), fetched.Err())
				}
				position = next
			}
			if !slices.Equal(got, want) {
				t.Fatalf("steps %v from %d: offsets %v, want %v", steps, from, got, want)
			}
		})
	})
}

// oracle is a log of which everything is known.
type oracle struct {
	batches   []crafted
	ends      []int64 // of batches
	next      int64
	committed []int64
	aborted   []abortedRange
}

type abortedRange struct{ producer, first, marker int64 }

// newOracle makes a log. Of a step, bits 0 and 1 are the producer, bits 2 and 3 what it does: 0 a batch of its transaction, 1 a plain one, 2 abort, 3 commit.
// A transaction that is open at the end is committed.
func newOracle(steps []byte) *oracle {
	log := new(oracle)
	open := map[int64][]int64{} // offsets of each producer's transaction
	add := func(c crafted, n int64) {
		log.batches = append(log.batches, c)
		log.next += n
		log.ends = append(log.ends, log.next)
	}
	end := func(producer int64, commit bool) {
		if len(open[producer]) == 0 {
			return
		}
		if commit {
			log.committed = append(log.committed, open[producer]...)
		} else {
			log.aborted = append(log.aborted, abortedRange{producer: producer, first: open[producer][0], marker: log.next})
		}
		open[producer] = nil
		add(marker(producer, log.next, commit), 1)
	}
	for _, step := range steps {
		producer, n := int64(step&3), int64(step>>4)%3+1
		switch step >> 2 & 3 {
		case 0:
			open[producer] = append(open[producer], upTo(log.next, log.next+n)...)
			add(transactional(producer, log.next, int(n)), n)
		case 1:
			log.committed = append(log.committed, upTo(log.next, log.next+n)...)
			add(plain(log.next, int(n)), n)
		case 2:
			end(producer, false)
		case 3:
			end(producer, true)
		}
	}
	for producer := range int64(4) {
		end(producer, true)
	}
	slices.Sort(log.committed)
	return log
}

// read is up to n batches from the one that holds position on.
func (log *oracle) read(position int64, n int) (records []byte, next int64) {
	for i, c := range log.batches {
		if log.ends[i] > position && n > 0 {
			records = append(records, c.bytes()...)
			next = log.ends[i]
			n--
		}
	}
	return records, next
}

// abortedIn is the list that a broker gives with [first, next): transactions with any offset in it.
func (log *oracle) abortedIn(first, next int64) []abortedTransaction {
	var list []abortedTransaction
	for _, a := range slices.Backward(log.aborted) { // brokers promise no order
		if a.first < next && a.marker >= first {
			list = append(list, abortedTransaction{producer: a.producer, first: a.first})
		}
	}
	return list
}
