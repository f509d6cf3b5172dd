package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault_memory_test.go: the memory budget, with more on its way than fits, and with batches that are small until they are opened.

const (
	memoryBytes   = 128 << 20 // --memory-bytes by default
	maxBatchBytes = 32 << 20  // --max-batch-bytes by default
	restOfProcess = 64 << 20  // code, goroutines, connections: what the README states beside --memory-bytes
)

// wantPeak fails the test if a sink had more resident than stated. The race detector needs several times that.
func wantPeak(t testing.TB, bytes, limit int64) {
	t.Helper()
	t.Logf("peak resident %d MiB of %d", bytes>>20, limit>>20)
	if bytes > limit && os.Getenv(raceVariable) == "" {
		t.Errorf("%d MiB were resident, at most %d are stated", bytes>>20, limit>>20)
	}
}

// TestFaultMemoryWhilePostgresStalls holds: 64 partitions, each full of more than its share, and a PostgreSQL that takes nothing for a while, do not
// take the sink beyond its budget; afterwards it goes on, and nothing is lost.
func TestFaultMemoryWhilePostgresStalls(t *testing.T) {
	t.Parallel()
	const partitions = 64
	for _, test := range []struct {
		scenario      string
		bytes         int // of a record
		perPartition  int // records
		besideTheRest int64
	}{
		// A batch above its partition's share is in memory of its own, one at a time.
		{scenario: "records of 1 MB", bytes: 1 << 20, perPartition: cases(3, 6), besideTheRest: 2 * (1<<20 + 4096)},
		{scenario: "many records of 4 kB", bytes: 4 << 10, perPartition: 512},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, partitions)
			alterTopics(t, s.brokers, map[string]string{"max.message.bytes": "4194304"}, s.topic())
			client := newClient(t, s.brokers, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(2<<20))
			records := recordsOf(t, s.topic(), partitions, madeRides(random(t), test.perPartition*partitions), writeTLC)
			for i := range records {
				records[i] = padded(records[i], test.bytes)
			}
			for left := records; len(left) > 0; left = left[min(len(left), 4096):] {
				publish(t, client, left[:min(len(left), 4096)])
			}
			client.Close()

			relay := startRelay(t, s.url, nil, 0)
			p := s.through(relay.url(s.url)).backfill()
			peak := p.watchMemory()
			s.stall(relay, p, time.Duration(cases(10, 60))*time.Second)
			p.wantExit(0, 3*time.Minute)
			summaryOf(t, p)
			wantPeak(t, peak(), memoryBytes+restOfProcess+test.besideTheRest)
			s.checkStored(records)
			s.checkAtEnd(t)
		})
	}
}

// stall lets nothing pass to PostgreSQL or from it for a while, from the moment on when the first rides are stored.
func (s scene) stall(relay *relay, p *process, d time.Duration) {
	s.t.Helper()
	conn := s.connect()
	eventually(s.t, longWait, "the first rides", func() (bool, string) { return s.countRides(conn) > 0, "none yet" })
	held := newGate(func(piece) bool { return true })
	relay.hold(held)
	receive(s.t, longWait, "PostgreSQL to stall", held.reached)
	began := time.Now()
	eventually(s.t, 2*d+longWait, "the stall to end", func() (bool, string) { return time.Since(began) > d, time.Since(began).String() })
	if !p.running() {
		s.t.Fatalf("the sink ended, with exit code %d, while PostgreSQL stalled", p.code)
	}
	relay.hold(nil)
	held.open()
}

// bomb is a batch of one record whose value is a ride and then spaces, up to size bytes, in the format that brokers keep.
func bomb(t testing.TB, r sent, size int64, codec int16, compress func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	value := bytes.TrimSuffix(r.record.Value, []byte("}"))
	var record []byte
	record = append(record, 0, 0, 0, 1) // attributes, the deltas, no key
	record = binary.AppendVarint(record, size)
	record = append(record, value...)
	const end = "}\x00" // and no headers
	length := int64(len(record)-len(value)) + size + 1
	var content bytes.Buffer
	out := compress(&content)
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	parts := []io.Reader{bytes.NewReader(binary.AppendVarint(nil, length)), bytes.NewReader(record)}
	for left := size - int64(len(value)) - 1; left > 0; left -= int64(len(spaces)) {
		parts = append(parts, bytes.NewReader(spaces[:min(left, int64(len(spaces)))]))
	}
	if _, err := io.Copy(out, io.MultiReader(append(parts, bytes.NewReader([]byte(end)))...)); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	millis := r.record.Timestamp.UnixMilli()
	batch := kmsg.RecordBatch{
		Length: int32(49 + content.Len()), PartitionLeaderEpoch: -1, Magic: 2, Attributes: codec, FirstTimestamp: millis, MaxTimestamp: millis,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: content.Bytes(),
	}
	raw := batch.AppendTo(nil)
	const checksum, checked = 17, 21
	binary.BigEndian.PutUint32(raw[checksum:], crc32.Checksum(raw[checked:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// publishRaw appends a batch as it is to a partition of the scene's first topic.
func (s scene) publishRaw(partition int32, batch []byte) {
	s.t.Helper()
	client := newClient(s.t, s.brokers, kgo.BrokerMaxWriteBytes(64<<20))
	topics, err := kadm.NewClient(client).ListTopics(s.t.Context(), s.topic())
	if err != nil {
		s.t.Fatalf("look for the leader: %v", err)
	}
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 60_000
	topic, at := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	topic.Topic, topic.TopicID = s.topic(), topics[s.topic()].ID
	at.Partition, at.Records = partition, batch
	topic.Partitions = append(topic.Partitions, at)
	request.Topics = append(request.Topics, topic)
	answer, err := client.Broker(int(topics[s.topic()].Partitions[partition].Leader)).RetriableRequest(s.t.Context(), request)
	if err != nil {
		s.t.Fatalf("produce a batch of %d bytes: %v", len(batch), err)
	}
	if p := answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
		s.t.Fatalf("produce a batch of %d bytes: the broker answers with error %d", len(batch), p.ErrorCode)
	}
}

// TestFaultMemoryBomb holds: a batch that decompresses to 1 GB halts its partition and does not raise what the sink needs; another partition is stored.
func TestFaultMemoryBomb(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		codec    int16
		compress func(io.Writer) io.WriteCloser
	}{
		{"gzip", 1, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }},
		{"zstd", 4, func(w io.Writer) io.WriteCloser {
			out, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Error(err)
			}
			return out
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			alterTopics(t, s.brokers, map[string]string{"max.message.bytes": "67108864"}, s.topic())
			records := s.publishTo(2, madeRides(random(t), 200))
			ride := recordsOf(t, s.topic(), 1, madeRides(random(t), 1), writeTLC)[0]
			s.publishRaw(0, bomb(t, ride, 1<<30, test.codec, test.compress))
			p := s.backfill()
			peak := p.watchMemory()
			p.wantExit(1, longWait)
			s.wantHalts(summaryOf(t, p), map[string][]string{partitionName(s.topic(), 0): {"[100,101)", "--max-batch-bytes"}})
			s.checkStored(records)
			wantPeak(t, peak(), memoryBytes+restOfProcess+2*maxBatchBytes)
		})
	}
}
