package sink

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics.go: every metric. Events are counted where they happen; state is read at scrape, so that a revoked partition leaves nothing
// stale behind.

type metrics struct {
	records       *prometheus.CounterVec
	transactions  prometheus.Counter
	writeDuration prometheus.Histogram
	batchRecords  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, s *Sink) (*metrics, error) {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ridesink_records_total",
			Help: "Offsets that this process has made durable, by what became of them: inserted, dead_letter, tombstone, not_record, lost.",
		}, []string{"topic", "partition", "outcome"}),
		transactions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ridesink_transactions_total", Help: "Transactions committed in PostgreSQL.",
		}),
		writeDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ridesink_write_duration_seconds", Help: "Time of one committed transaction, BEGIN to COMMIT.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		batchRecords: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ridesink_batch_records", Help: "Rows of one committed transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 10),
		}),
	}
	for _, c := range []prometheus.Collector{m.records, m.transactions, m.writeDuration, m.batchRecords, newStateCollector(s)} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// wrote counts a committed batch.
func (m *metrics) wrote(b *batch, took time.Duration) {
	partition := strconv.Itoa(int(b.partition))
	for _, outcome := range []struct {
		name string
		n    int64
	}{
		{"inserted", b.counts.inserted},
		{"dead_letter", b.counts.deadLettered},
		{"tombstone", b.counts.tombstones},
		{"not_record", b.counts.notRecords},
		{"lost", b.counts.lost},
	} {
		if outcome.n > 0 {
			m.records.WithLabelValues(b.topic, partition, outcome.name).Add(float64(outcome.n))
		}
	}
	m.transactions.Inc()
	m.writeDuration.Observe(took.Seconds())
	m.batchRecords.Observe(float64(b.counts.inserted))
}

// stateCollector shows the partitions owned now and the connection pool.
type stateCollector struct {
	sink *Sink

	position, lag, logStart, highWatermark, halted, lastWrite, owned, connections *prometheus.Desc
}

func newStateCollector(s *Sink) *stateCollector {
	partition := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"topic", "partition"}, nil)
	}
	return &stateCollector{
		sink:          s,
		position:      partition("ridesink_position", "Next offset to read, durable in PostgreSQL."),
		lag:           partition("ridesink_lag_records", "Offsets between the position and the last stable offset."),
		logStart:      partition("ridesink_log_start_offset", "First offset that the broker still has."),
		highWatermark: partition("ridesink_high_watermark", "End of what is replicated."),
		halted:        partition("ridesink_partition_halted", "1 if the partition is halted and a human must act."),
		lastWrite:     partition("ridesink_last_write_timestamp_seconds", "When this process last made records of the partition durable."),
		owned:         prometheus.NewDesc("ridesink_partitions_owned", "Partitions that this member has now.", nil, nil),
		connections:   prometheus.NewDesc("ridesink_postgres_connections", "Connections of the pool.", []string{"state"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.position, c.lag, c.logStart, c.highWatermark, c.halted, c.lastWrite, c.owned, c.connections} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	partitions := c.sink.Status()
	for _, p := range partitions {
		labels := []string{p.Topic, strconv.Itoa(int(p.Partition))}
		gauge(c.position, float64(p.Position), labels...)
		gauge(c.halted, boolGauge(p.HaltedReason != ""), labels...)
		if p.LastStable >= 0 {
			gauge(c.lag, float64(p.Lag()), labels...)
			gauge(c.logStart, float64(p.LogStart), labels...)
			gauge(c.highWatermark, float64(p.HighWatermark), labels...)
		}
		if !p.LastWrite.IsZero() {
			gauge(c.lastWrite, float64(p.LastWrite.UnixMilli())/1000, labels...)
		}
	}
	gauge(c.owned, float64(len(partitions)))
	pool := c.sink.db.Stat()
	gauge(c.connections, float64(pool.AcquiredConns()), "busy")
	gauge(c.connections, float64(pool.IdleConns()), "idle")
	gauge(c.connections, float64(pool.MaxConns()), "limit")
}

func boolGauge(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
