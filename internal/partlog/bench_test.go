package partlog

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
)

// bench_test.go: how fast records come out of an answer, and out of a broker. A ride of 18 fields takes about 430 bytes.

const rideBytes = 430

// rideValue looks like a ride to a compressor: most of it repeats, some of it does not.
func rideValue(i int) []byte {
	head := fmt.Appendf(nil, `{"VendorID":%d,"tpep_pickup_datetime":"2020-07-01 00:%02d:%02d","trip_distance":%d.%02d,"PULocationID":%d`, i%2+1, i%60, i*7%60, i%20, i*31%100, i*97%265)
	return append(head, bytes.Repeat([]byte(`,"surcharge":0.00`), 1+(rideBytes-len(head))/17)[:rideBytes-len(head)]...)
}

func BenchmarkFetched(b *testing.B) {
	for _, e := range append([]encoding{{"none", codecNone, func(_ testing.TB, c []byte) []byte { return c }}}, encodings()...) {
		b.Run(e.name, func(b *testing.B) {
			const batches, perBatch = 16, 200
			var records []byte
			for i := range batches {
				c := plain(int64(i*perBatch), perBatch)
				for j := range c.records {
					c.records[j].value = rideValue(i*perBatch + j)
				}
				c.payload, c.count, c.attributes, c.next = e.encode(b, c.content()), perBatch, e.codec, c.first+perBatch
				records = append(records, c.bytes()...)
			}
			r, f := testReader(b), new(Fetched)
			answer := &fetchResponse{records: records}
			var record Record
			b.ReportAllocs()
			b.SetBytes(batches * perBatch * rideBytes)
			for b.Loop() {
				if err := f.open(r, answer, 0, 8<<20, 8<<20); err != nil {
					b.Fatal(err)
				}
				n := 0
				for f.Record(&record) {
					n++
				}
				if n != batches*perBatch {
					b.Fatal(n, f.Err())
				}
			}
			b.ReportMetric(float64(b.N*batches*perBatch)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkKafkaFetch(b *testing.B) {
	brokers, topic := localenv.Brokers(b), localenv.Topic(b, 1)
	const records = 100_000
	client := kafkaClient(b, brokers, kgo.ProducerBatchCompression(kgo.NoCompression()))
	for i := range records {
		client.Produce(b.Context(), &kgo.Record{Topic: topic, Value: rideValue(i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, maxBytes := range []int{256 << 10, 1 << 20, 4 << 20} {
		b.Run(fmt.Sprintf("%d KiB", maxBytes>>10), func(b *testing.B) {
			l := testLog(b, brokers)
			r := l.Partition(topic, 0)
			o := testOptions()
			o.MaxBytes, o.BufferBytes = maxBytes, 8<<20 // the producer's batches are of 1 MB
			var f *Fetched
			var record Record
			b.ReportAllocs()
			b.SetBytes(records * rideBytes)
			for b.Loop() {
				n := 0
				for position := int64(0); position < records; position = f.Next() {
					var err error
					if f, err = r.Fetch(b.Context(), position, o, f); err != nil {
						b.Fatal(err)
					}
					for f.Record(&record) {
						n++
					}
				}
				if n != records {
					b.Fatal(n, f.Err())
				}
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
