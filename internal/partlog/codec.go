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

const (
	// zstdWindow is the largest window that a zstd frame may ask for: what level 22 uses. It costs nothing here, because decoding goes
	// straight to the output.
	zstdWindow = 128 << 20
	// zstdBlock is the most that one block of a frame holds.
	zstdBlock = 128 << 10
	// firstGuess is how much to allocate for a batch of unknown size, at least.
	firstGuess = 64 << 10
	// emptyReads is how many reads without data or error in a row are taken for a decompressor that is stuck.
	emptyReads = 100
)

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

// unzstd decodes into dst directly, so that a frame's window needs no memory of its own. Where a frame does not say how large its content is
// (Java's clients do not know it in advance), it tries, and tries again with more.
func (c *codecs) unzstd(dst, src []byte, limit int) ([]byte, error) {
	guess := max(cap(dst), min(firstGuess, limit), min(limit, 4*len(src)))
	var head zstd.Header
	if err := head.Decode(src); err != nil {
		return dst, err
	}
	if head.HasFCS {
		if head.FrameContentSize > uint64(limit) {
			return dst, errLimit
		}
		guess = max(cap(dst), int(head.FrameContentSize))
	}
	r, _ := c.zstd.Get().(*zstd.Decoder)
	if r == nil {
		var err error
		// One goroutine, ours: nothing runs in a decoder that lies in the pool.
		if r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow),
			zstd.WithDecodeAllCapLimit(true)); err != nil {
			return dst, err
		}
	}
	defer c.zstd.Put(r)
	for {
		if cap(dst) < guess {
			dst = make([]byte, 0, guess)
		}
		most := min(cap(dst), limit)
		out, err := r.DecodeAll(src, dst[:0:most])
		// What does not fit is not always told from nonsense: the error is about size if the block that failed could have been too long.
		full := errors.Is(err, zstd.ErrDecoderSizeExceeded) || len(out)+zstdBlock > most
		switch {
		case err == nil:
			return out, nil
		case !full:
			return dst, err
		case most >= limit:
			return dst, errLimit
		}
		guess = min(limit, max(firstGuess, 4*most)) // more than most in any case
	}
}

// readAll reads r to its end into dst[:0], growing it as needed up to limit.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	dst = dst[:0:min(cap(dst), limit)]
	for empty := 0; empty < emptyReads; {
		if len(dst) == limit {
			var one [1]byte // full: whether there is one byte more decides
			n, err := r.Read(one[:])
			switch {
			case n > 0:
				return dst, errLimit
			case errors.Is(err, io.EOF):
				return dst, nil
			case err != nil:
				return dst, err
			}
			empty++
			continue
		}
		if len(dst) == cap(dst) {
			grown := make([]byte, len(dst), min(limit, max(firstGuess, 2*cap(dst))))
			copy(grown, dst)
			dst = grown
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
		if empty++; n > 0 {
			empty = 0
		}
	}
	return dst, io.ErrNoProgress
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
