package partlog

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

func gzipped(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func lz4ed(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// zstdStreamed is a frame that does not say how large its content is, as Java's clients write it.
func zstdStreamed(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	for part := range slices.Chunk(content, 1000) {
		if _, err := w.Write(part); err != nil {
			tb.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// zstdSized is a frame that says how large its content is.
func zstdSized(tb testing.TB, content []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(content, nil)
}

func snappyRaw(_ testing.TB, content []byte) []byte { return s2.EncodeSnappy(nil, content) }

func snappyXerial(_ testing.TB, content []byte) []byte {
	b := append(bytes.Clone(xerialHeader), 0, 0, 0, 1, 0, 0, 0, 1)
	for part := range slices.Chunk(content, 32<<10) {
		block := s2.EncodeSnappy(nil, part)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(block))), block...)
	}
	return b
}

type encoding struct {
	name   string
	codec  int16
	encode func(testing.TB, []byte) []byte
}

func encodings() []encoding {
	return []encoding{
		{"gzip", codecGzip, gzipped},
		{"snappy block", codecSnappy, snappyRaw},
		{"snappy as xerial frames it", codecSnappy, snappyXerial},
		{"lz4", codecLZ4, lz4ed},
		{"zstd of stated size", codecZstd, zstdSized},
		{"zstd of unknown size", codecZstd, zstdStreamed},
	}
}

func TestDecompress(t *testing.T) {
	t.Parallel()
	for _, e := range encodings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			var c codecs
			var dst []byte
			for _, content := range [][]byte{{}, []byte("a"), []byte(strings.Repeat("a ride ", 40_000)), []byte("b"), bytes.Repeat([]byte{0}, 1<<20)} {
				packed := e.encode(t, content)
				var err error
				if dst, err = c.decompress(e.codec, dst, packed, 1<<20); err != nil || !bytes.Equal(dst, content) {
					t.Fatalf("%d bytes came as %d and %v", len(content), len(dst), err)
				}
				if dst, err = c.decompress(e.codec, dst, packed, max(1, len(content))); err != nil || !bytes.Equal(dst, content) {
					t.Fatalf("%d bytes at their very limit came as %d and %v", len(content), len(dst), err)
				}
				if len(content) > 1 {
					if _, err := c.decompress(e.codec, nil, packed, len(content)-1); !errors.Is(err, errLimit) {
						t.Errorf("%d bytes, one above the limit: %v", len(content), err)
					}
				}
				for _, n := range []int{0, 1, len(packed) / 2, len(packed) - 1} {
					if got, err := c.decompress(e.codec, nil, packed[:n], 1<<20); err == nil && bytes.Equal(got, content) && len(content) > 0 {
						t.Errorf("%d of %d bytes gave the whole content", n, len(packed))
					}
				}
			}
		})
	}
}

func TestFetchedCompressedBatches(t *testing.T) {
	t.Parallel()
	for _, e := range encodings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			var batches []crafted
			for i := range int64(5) {
				c := plain(100+50*i, 50)
				c.payload, c.count, c.attributes, c.next = e.encode(t, c.content()), 50, e.codec, c.first+50
				batches = append(batches, c)
			}
			f, err := answered(t, 120, join(batches...))
			if err != nil {
				t.Fatal(err)
			}
			all := drain(t, f)
			if got := offsets(all); !slices.Equal(got, upTo(120, 350)) || f.Err() != nil {
				t.Fatalf("offsets %v and %v", got, f.Err())
			}
			if f.DecompressedBytes() <= 250*5 {
				t.Errorf("%d bytes decompressed are too few", f.DecompressedBytes())
			}
		})
	}
}

func TestFetchedCompressedNonsense(t *testing.T) {
	t.Parallel()
	for _, e := range encodings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			packed := e.encode(t, plain(102, 50).content())
			for _, payload := range [][]byte{{}, []byte("nonsense"), packed[:len(packed)/2], packed[:len(packed)-1]} {
				bad := crafted{first: 102, next: 152, payload: payload, count: 50, attributes: e.codec}
				f, err := answered(t, 100, join(plain(100, 2), bad))
				if err != nil {
					t.Fatal(err)
				}
				all := drain(t, f)
				var corrupt *CorruptError
				if !errors.As(f.Err(), &corrupt) || corrupt.Next != 152 {
					t.Fatalf("%d bytes: %d records and %v", len(payload), len(all), f.Err())
				}
			}
		})
	}
}

func TestFetchedTooLargeOnceDecompressed(t *testing.T) {
	t.Parallel()
	for _, e := range encodings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			big := plain(102, 1)
			big.records[0].value = make([]byte, 100_000)
			big.payload, big.count, big.attributes, big.next = e.encode(t, big.content()), 1, e.codec, 103
			reader, f := testReader(t), new(Fetched)
			open := func(limit int) error {
				return f.open(reader, &fetchResponse{records: join(plain(100, 2), big)}, 100, limit, limit)
			}
			if err := open(64 << 10); err != nil {
				t.Fatal(err)
			}
			all := drain(t, f)
			var large *TooLargeError
			if !errors.As(f.Err(), &large) || len(all) != 2 || large.First != 102 || large.Next != 103 || large.Size != 256<<10 || f.Position() != 102 {
				t.Fatalf("%d records, then %v at %d; want 2 and a *TooLargeError that asks for 256 KiB", len(all), f.Err(), f.Position())
			}
			if cap(f.scratch) > 64<<10 {
				t.Errorf("%d bytes were allocated above a limit of 64 KiB", cap(f.scratch))
			}
			if err := open(large.Size); err != nil {
				t.Fatal(err)
			}
			if all := drain(t, f); len(all) != 3 || f.Err() != nil {
				t.Fatalf("with the size that was asked for: %d records and %v", len(all), f.Err())
			}
		})
	}
}
