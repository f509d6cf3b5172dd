package partlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault_damage_test.go: batches that cannot be opened, behind one that can.

// TestFaultDamagedBatches holds: of a log with a batch that is damaged, a bomb, of an absurd length or of an old format, what stands before is delivered, then an
// error names the place; nothing of the batch is delivered, and from behind it the log goes on.
func TestFaultDamagedBatches(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	zeros := make([]byte, 8<<20)
	dice := seeded(t)
	length := func(b []byte, n int32) { binary.BigEndian.PutUint32(b[8:], uint32(n)) }
	type fault struct {
		name    string
		damaged func() crafted
		tooBig  bool // else corrupt
	}
	faults := []fault{
		{name: "a flipped bit", damaged: func() crafted {
			c := plain(10, 5)
			c.damage = func(b []byte) { b[crcFrom+dice.IntN(len(b)-crcFrom)] ^= 1 << dice.IntN(8) }
			return c
		}},
		{name: "another checksum", damaged: func() crafted {
			c := plain(10, 5)
			c.damage = func(b []byte) { b[17+dice.IntN(4)] ^= byte(1 + dice.IntN(255)) }
			return c
		}},
		{name: "an old magic", damaged: func() crafted {
			c := plain(10, 5)
			c.damage = func(b []byte) { b[16] = byte(dice.IntN(2)) }
			return c
		}},
		{name: "a negative length", damaged: func() crafted {
			c := plain(10, 5)
			c.damage = func(b []byte) { length(b, -1-dice.Int32N(1<<30)) }
			return c
		}},
		{name: "a length shorter than a header", damaged: func() crafted {
			c := plain(10, 5)
			c.damage = func(b []byte) { length(b, dice.Int32N(batchHeaderBytes-batchPrefixBytes)) }
			return c
		}},
		{name: "an absurd count", damaged: func() crafted {
			c := plain(10, 5)
			c.seal = func(b []byte) { binary.BigEndian.PutUint32(b[57:], uint32(1<<20+dice.Int32N(1<<30))) }
			return c
		}},
		{name: "a record that claims more headers than there are bytes", damaged: func() crafted {
			c := plain(10, 5)
			c.records[0].headerClaim = 1 << (20 + dice.IntN(40))
			return c
		}},
	}
	for _, e := range encodings() {
		faults = append(faults, fault{name: "a bomb of " + e.name, tooBig: true, damaged: func() crafted {
			return crafted{first: 10, next: 15, count: 5, producer: -1, attributes: e.codec, payload: e.encode(t, zeros[:limit+1+dice.IntN(len(zeros)-limit-1)])}
		}})
	}
	c := fakeBrokers(t, 1)
	var records []byte
	forge(c, func(p *kmsg.FetchResponseTopicPartition) { p.RecordBatches = bytes.Clone(records) })
	r := testLog(t, c.ListenAddrs(), func(c *Config) { c.MaxBatchBytes = limit }).Partition(fakeTopic, 0)
	for _, test := range faults {
		n := cases(3, 20)
		for range n {
			damaged := test.damaged()
			records = join(plain(0, 10), damaged, plain(15, 5))
			f, err := r.Fetch(t.Context(), 0, testOptions(), nil)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			all := drain(t, f)
			var corrupt *CorruptError
			var large *TooLargeError
			failed := f.Err()
			if failed == nil { // it is the first thing of the next fetch
				records = join(damaged, plain(15, 5))
				_, failed = r.Fetch(t.Context(), f.Next(), testOptions(), nil)
			}
			first := int64(-1)
			switch {
			case test.tooBig && errors.As(failed, &large):
				first = large.First
			case !test.tooBig && errors.As(failed, &corrupt):
				first = corrupt.First
			}
			if len(all) != 10 || first != 10 || Retriable(failed) || cap(f.scratch) > limit {
				t.Fatalf("%s: %d records, then %v (with %d bytes taken); want ten, then an error that names offset 10", test.name, len(all), failed, cap(f.scratch))
			}
			records = plain(15, 5).bytes()
			readWhole(t, r, 15, 20)
			caseDone(t, rowDamagedBatches, 0)
		}
	}
}
