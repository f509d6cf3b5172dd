package schema

import "testing"

// bench_test.go: what a ride costs, the COPY row included.

func benchmark(b *testing.B, values [][]byte, decode func(d *Decoder, dst []byte, value []byte) ([]byte, error)) {
	b.Helper()
	bytes := 0
	for _, value := range values {
		bytes += len(value)
	}
	d, dst := NewDecoder(), make([]byte, 0, 1<<20)
	b.SetBytes(int64(bytes / len(values)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		var err error
		if dst, err = decode(d, dst[:0], values[i]); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(values) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rides/s")
}

func speculating(d *Decoder, dst, value []byte) ([]byte, error) {
	return d.AppendRow(dst, Coordinates{Topic: "rides", Offset: 1 << 40, Timestamp: 1_593_563_132_000}, value)
}

func general(d *Decoder, dst, value []byte) ([]byte, error) {
	if bad := d.general(value); bad != nil {
		return nil, bad
	}
	return d.appendRow(dst, &Coordinates{Topic: "rides", Offset: 1 << 40, Timestamp: 1_593_563_132_000}), nil
}

// many is how many different rides are decoded in turn: few would be learnt by heart by the processor's branch prediction.
const many = 20_000

func BenchmarkAppendRow(b *testing.B) {
	for _, dialect := range Dialects() {
		b.Run(dialect.String(), func(b *testing.B) { benchmark(b, encoded(b, dialect, sampleRides(1, many)), speculating) })
	}
	b.Run("real", func(b *testing.B) {
		header, lines := realRides(b)
		var values [][]byte
		for _, line := range lines {
			values = append(values, tlcJSON(header, line))
		}
		benchmark(b, values, speculating)
	})
	b.Run("mixed", func(b *testing.B) {
		var values [][]byte
		for i, dialect := range Dialects() {
			values = append(values, encoded(b, dialect, sampleRides(uint64(i), many/6))...)
		}
		mixed := make([][]byte, 0, len(values))
		for i := range values {
			mixed = append(mixed, values[i*7919%len(values)])
		}
		benchmark(b, mixed, speculating)
	})
}

func BenchmarkGeneralPath(b *testing.B) {
	for _, dialect := range Dialects() {
		b.Run(dialect.String(), func(b *testing.B) { benchmark(b, encoded(b, dialect, sampleRides(1, many)), general) })
	}
}
