package partlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec.go: decompression into a caller's buffer, never beyond a limit, whatever the input claims.

// Codecs as a batch's attributes number them.
const (
	codecNone   = 0
	codecGzip   = 1
	codecSnappy = 2
	codecLZ4    = 3
	codecZstd   = 4
)

// zstdWindow is the largest window that a zstd frame may ask for. Level 19 of the reference implementation uses 8 MiB.
const zstdWindow = 32 << 20

// errLimit says that decompressed data goes beyond the limit.
var errLimit = errors.New("too large")

// codecs keeps decompressors for use again. The zero value is ready, and safe for concurrent use.
type codecs struct {
	gzip, lz4, zstd sync.Pool
}

// decompress appends the content of src to dst[:0], at most limit bytes; errLimit if there is more.
func (c *codecs) decompress(codec int16, dst, src []byte, limit int) ([]byte, error) {
	switch codec {
	case codecGzip:
		r, _ := c.gzip.Get().(*gzip.Reader)
		if r == nil {
			r = new(gzip.Reader)
		}
		defer c.gzip.Put(r)
		if err := r.Reset(bytes.NewReader(src)); err != nil {
			return dst, err
		}
		return readAll(dst, r, limit)
	case codecSnappy:
		return unsnappy(dst, src, limit)
	case codecLZ4:
		r, _ := c.lz4.Get().(*lz4.Reader)
		if r == nil {
			r = lz4.NewReader(nil)
		}
		defer c.lz4.Put(r)
		r.Reset(bytes.NewReader(src))
		return readAll(dst, r, limit)
	case codecZstd:
		return c.unzstd(dst, src, limit)
	}
	return dst, fmt.Errorf("it is compressed with codec %d, which nobody has defined", codec)
}

func (c *codecs) unzstd(dst, src []byte, limit int) ([]byte, error) {
	r, _ := c.zstd.Get().(*zstd.Decoder)
	if r == nil {
		var err error
		// One goroutine, ours: nothing runs in a decoder that lies in the pool.
		if r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow)); err != nil {
			return dst, err
		}
	}
	defer c.zstd.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil {
		return dst, err
	}
	return readAll(dst, r, limit)
}

// readAll reads r to its end into dst[:0], growing it as needed up to limit.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	dst = dst[:0]
	for {
		if len(dst) == cap(dst) {
			if len(dst) >= limit {
				// Full: one byte more decides.
				var one [1]byte
				n, err := io.ReadFull(r, one[:])
				switch {
				case n > 0:
					return dst, errLimit
				case errors.Is(err, io.EOF):
					return dst, nil
				}
				return dst, err
			}
			grown := make([]byte, len(dst), min(limit, max(64<<10, 2*cap(dst))))
			copy(grown, dst)
			dst = grown
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), max(limit, len(dst)))])
		dst = dst[:len(dst)+n]
		switch {
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		case n == 0 && len(dst) >= limit:
			return dst, errLimit
		}
	}
}

// xerialHeader begins what snappy-java's stream writes, Kafka's Java client uses it: 8 bytes of magic, two int32 versions, then blocks with
// an int32 length each. Other clients write one bare block.
var xerialHeader = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0} //nolint:gochecknoglobals // read only

func unsnappy(dst, src []byte, limit int) ([]byte, error) {
	dst = dst[:0]
	if !bytes.HasPrefix(src, xerialHeader) {
		return unsnappyBlock(dst, src, limit)
	}
	if len(src) < 16 {
		return dst, io.ErrUnexpectedEOF
	}
	for src = src[16:]; len(src) > 0; {
		if len(src) < 4 {
			return dst, io.ErrUnexpectedEOF
		}
		size := int64(binary.BigEndian.Uint32(src))
		if size > int64(len(src)-4) {
			return dst, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = unsnappyBlock(dst, src[4:4+size], limit); err != nil {
			return dst, err
		}
		src = src[4+size:]
	}
	return dst, nil
}

// unsnappyBlock appends one block's content to dst.
func unsnappyBlock(dst, block []byte, limit int) ([]byte, error) {
	size, err := snappy.DecodedLen(block)
	if err != nil {
		return dst, err
	}
	if size > limit-len(dst) {
		return dst, errLimit
	}
	if need := len(dst) + size; need > cap(dst) {
		grown := make([]byte, len(dst), min(limit, max(need, 2*cap(dst))))
		copy(grown, dst)
		dst = grown
	}
	part, err := snappy.Decode(dst[len(dst):len(dst)+size:len(dst)+size], block)
	if err != nil {
		return dst, err
	}
	return dst[:len(dst)+len(part)], nil
}
