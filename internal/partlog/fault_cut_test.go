package partlog

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault_cut_test.go: connections that end in every part of a response, brokers that say nothing, and fetches that are given up.

// cutter cuts the connection on which the next long answer comes, after some of its bytes.
type cutter struct {
	after atomic.Int64 // bytes of the answer that still come; -1: all
	cuts  atomic.Int64
}

const longAnswer = 1 << 10 // bytes: answers with records are longer, all others shorter

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &cutConn{Conn: conn, by: c, limit: -1}, nil
}

// cutConn counts the bytes of each answer that it passes on.
type cutConn struct {
	net.Conn
	by    *cutter
	mu    sync.Mutex
	size  [4]byte
	seen  int64 // bytes of the answer in hand, with its size
	limit int64 // of them that may pass; -1: all
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range b[:n] {
		if c.seen < 4 {
			c.size[c.seen] = b[i]
		}
		whole := int64(4)
		if c.seen >= 3 {
			whole += int64(binary.BigEndian.Uint32(c.size[:]))
		}
		if c.seen == 3 && whole > longAnswer {
			c.limit = c.by.after.Swap(-1)
		}
		if c.limit >= 0 && c.seen >= c.limit {
			c.by.cuts.Add(1)
			return i, errors.Join(io.ErrUnexpectedEOF, c.Close())
		}
		if c.seen++; c.seen >= whole && c.seen >= 4 {
			c.seen, c.limit = 0, -1
		}
	}
	return n, err
}

// TestFaultFetchCut holds: a connection that ends in any part of a response, its size, head, batch headers or records, loses nothing and doubles nothing.
func TestFaultFetchCut(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	batches := join(plain(0, 40), plain(40, 60))
	forge(c, func(p *kmsg.FetchResponseTopicPartition) {
		p.HighWatermark, p.LastStableOffset, p.RecordBatches = 100, 100, batches
	})
	var cut cutter
	cut.after.Store(-1)
	transport := &kafka.Transport{MetadataTTL: 2 * time.Second, DialTimeout: 2 * time.Second, Dial: cut.dial}
	t.Cleanup(transport.CloseIdleConnections)
	r := testLog(t, c.ListenAddrs(), func(c *Config) { c.Transport = transport }).Partition(fakeTopic, 0)
	dice := seeded(t)
	first := int64(len(plain(0, 40).bytes()))
	head := int64(len(answer{topic: fakeTopic}.bytes())) // in front of the records
	classes := []struct {
		name        string
		from, until int64
	}{
		{"the head's end", 4, head},
		{"the first batch's header", head, head + batchHeaderBytes},
		{"the first batch's records", head + batchHeaderBytes, head + first},
		{"between the batches", head + first, head + first + 1},
		{"the second batch's header", head + first + 1, head + first + batchHeaderBytes},
		{"the last records", head + first + batchHeaderBytes, head + int64(len(batches))},
	}
	for _, class := range classes {
		n := cases(5, 20)
		for range n {
			at := class.from + dice.Int64N(class.until-class.from)
			cuts := cut.cuts.Load()
			cut.after.Store(at)
			began := time.Now()
			readWhole(t, r, 0, 100)
			if cut.cuts.Load() != cuts+1 {
				t.Fatalf("%s: no connection was cut at byte %d", class.name, at)
			}
			caseDone(t, rowFetchErrors, time.Since(began))
		}
	}
}

// TestFaultBlackholedBroker holds: where the first broker takes connections and never says a word, the log is read from the others, soon.
func TestFaultBlackholedBroker(t *testing.T) {
	t.Parallel()
	n := cases(4, 20)
	c := fakeBrokers(t, 1)
	produceTo(t, c.ListenAddrs(), 0, "0", "1", "2")
	for range n {
		silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections; nobody answers
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { silent.Close() })
		brokers := append([]string{silent.Addr().String()}, c.ListenAddrs()...)
		l := testLog(t, brokers, func(c *Config) { c.Timeout = 300 * time.Millisecond })
		began := time.Now()
		readWhole(t, l.Partition(fakeTopic, 0), 0, 3)
		took := time.Since(began)
		t.Logf("read after %.1f s", took.Seconds())
		caseDone(t, rowFetchErrors, took)
	}
}

// TestFaultFetchCancelled holds: a fetch that is given up while its response comes leaves a buffer that nobody else uses, wherever it was; with -race.
func TestFaultFetchCancelled(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1)
	batches := join(plain(0, 2000), plain(2000, 2000))
	asked := make(chan struct{}, 1)
	forge(c, func(p *kmsg.FetchResponseTopicPartition) {
		p.HighWatermark, p.LastStableOffset, p.RecordBatches = 4000, 4000, batches
		select {
		case asked <- struct{}{}:
		default:
		}
	})
	r, dice := testLog(t, c.ListenAddrs()).Partition(fakeTopic, 0), seeded(t)
	var f *Fetched
	for range cases(25, 100) {
		select {
		case <-asked: // of the fetch before
		default:
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended, into := make(chan error, 1), f
		go func() { // ends with the fetch
			_, err := r.Fetch(ctx, 0, testOptions(), into)
			ended <- err
		}()
		<-asked
		timer := time.NewTimer(time.Duration(dice.Int64N(int64(2 * time.Millisecond))))
		<-timer.C
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		began := time.Now()
		got, err := r.Fetch(t.Context(), 0, testOptions(), into) // whatever the other one still writes
		if err != nil {
			t.Fatal(err)
		}
		f = got
		all := drain(t, f)
		if len(all) != 4000 || f.Err() != nil || all[3999].Offset != 3999 || string(all[3999].Value) != "3999" {
			t.Fatalf("%d records and %v", len(all), f.Err())
		}
		caseDone(t, rowFetchCancelled, time.Since(began))
	}
}
