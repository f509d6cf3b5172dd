package sink

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ridesink/schema"
)

// metrics.go: every metric. Events are counted where they happen; state is read at scrape, so that a revoked partition leaves nothing
// stale behind.

type metrics struct {
	records       *prometheus.CounterVec
	deadLetters   *prometheus.CounterVec
	transactions  prometheus.Counter
	copied        prometheus.Counter
	writeDuration prometheus.Histogram
	batchRecords  prometheus.Histogram
	recordAge     prometheus.Histogram
	fetched       prometheus.Counter
	generations   prometheus.Counter
	commitsFailed prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s *Sink) (*metrics, error) {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ridesink_records_total",
			Help: "Offsets that this process has made durable, by what became of them: inserted, dead_letter, tombstone, not_record, lost.",
		}, []string{"topic", "partition", "outcome"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ridesink_dead_letters_total", Help: "Records that this process has stored as dead letters, by reason.",
		}, []string{"topic", "reason"}),
		transactions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ridesink_transactions_total", Help: "Transactions committed in PostgreSQL.",
		}),
		copied: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ridesink_copied_bytes_total", Help: "Bytes of rides that committed transactions sent to PostgreSQL by COPY.",
		}),
		writeDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ridesink_write_duration_seconds", Help: "Time of one committed transaction, BEGIN to COMMIT.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		batchRecords: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ridesink_batch_records", Help: "Rows of one committed transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 10),
		}),
		recordAge: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ridesink_record_age_seconds", Help: "How old the last record of each committed transaction was by its timestamp in Kafka.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 13),
		}),
		fetched: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ridesink_fetched_bytes_total", Help: "Bytes of record batches that brokers sent, compressed as they are.",
		}),
		generations: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ridesink_generations_total", Help: "Generations of the consumer group that this process was part of; each but the first is a rebalance.",
		}),
		commitsFailed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ridesink_kafka_commit_failures_total", Help: "Commits to Kafka that failed. Positions are not affected: they are in PostgreSQL.",
		}),
	}
	for _, topic := range s.cfg.Topics { // from the start, so that the first dead letter is a rise from 0
		for _, reason := range schema.Reasons() {
			m.deadLetters.WithLabelValues(topic, string(reason))
		}
	}
	for _, c := range []prometheus.Collector{
		m.records, m.deadLetters, m.transactions, m.copied, m.writeDuration, m.batchRecords, m.recordAge, m.fetched, m.generations,
		m.commitsFailed, newStateCollector(s),
	} {
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
	for i := range b.dead {
		m.deadLetters.WithLabelValues(b.topic, b.dead[i].reason).Inc()
	}
	m.transactions.Inc()
	if len(b.index) > 0 {
		m.copied.Add(float64(len(b.rows)))
	}
	if b.last.known && b.last.timestamp >= 0 {
		m.recordAge.Observe(max(0, time.Since(time.UnixMilli(b.last.timestamp)).Seconds())) // a producer's clock may be ahead
	}
	m.writeDuration.Observe(took.Seconds())
	m.batchRecords.Observe(float64(b.counts.inserted))
}

// stateCollector shows the partitions owned now, the servers and the connection pool.
type stateCollector struct {
	sink *Sink

	position, lag, logStart, highWatermark, halted, lastWrite, owned, ready, up, outage, connections, turns *prometheus.Desc
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
		ready:         prometheus.NewDesc("ridesink_ready", "1 if /readyz says yes: in the group, both servers there, no partition halted.", nil, nil),
		up:            prometheus.NewDesc("ridesink_server_up", "0 while this process waits for the server: postgres, kafka or, where one is set, schema_registry; else 1.", []string{"server"}, nil),
		outage:        prometheus.NewDesc("ridesink_outage_seconds", "How long this process has been waiting for the server; 0 while it is up.", []string{"server"}, nil),
		turns:         prometheus.NewDesc("ridesink_turns", "Large shares of the memory, for partitions that are behind: busy, and limit for how many there are.", []string{"state"}, nil),
		connections:   prometheus.NewDesc("ridesink_postgres_connections", "Connections of the pool: busy, idle, and limit for how many there may be.", []string{"state"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.position, c.lag, c.logStart, c.highWatermark, c.halted, c.lastWrite, c.owned, c.ready, c.up, c.outage, c.connections, c.turns,
	} {
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
	gauge(c.ready, boolGauge(c.sink.Ready() == nil))
	away := map[string]time.Duration{}
	for _, outage := range c.sink.Outages() {
		away[outage.Server] = time.Since(outage.Since)
	}
	servers := []string{"kafka", "postgres"}
	if c.sink.cfg.Formats.Registry != nil {
		servers = append(servers, schemaRegistry)
	}
	for _, server := range servers {
		since, isAway := away[server]
		gauge(c.up, boolGauge(!isAway), server)
		gauge(c.outage, since.Seconds(), server)
	}
	if t := c.sink.turns.Load(); t != nil {
		gauge(c.turns, float64(t.busy()), "busy")
		gauge(c.turns, float64(t.count), "limit")
	}
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
