package sink

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"ridesink/internal/servers"
)

// config.go: every setting of a Sink, with its default and its hazards. cmd/sink fills it from flags and environment.

// DataLoss says what happens to a partition whose next records are gone from Kafka.
type DataLoss string

// The answers to lost records.
const (
	// HaltOnDataLoss stops the partition and names the lost range. The others go on.
	HaltOnDataLoss DataLoss = "halt"
	// SkipOnDataLoss goes on at the log start offset, counts the range as lost in the ledger and records it in sink_events.
	SkipOnDataLoss DataLoss = "skip"
)

// Config is what New needs. DefaultConfig fills all but the addresses.
type Config struct {
	// Brokers are the bootstrap brokers, host:port. At least one.
	Brokers []string
	// Topics are the topics to read. At least one; each must exist.
	Topics []string
	// Group is the consumer group. Members that share it share the partitions. It does not decide positions: the ledger does, so
	// two groups that write to one database do not store a record twice; the second is warned about and takes turns with the first.
	Group string
	// ClientID is how brokers name this process in their logs and quotas.
	ClientID string
	// TLS protects connections to the brokers, nil for none.
	TLS *servers.KafkaTLS
	// Login says who we are to the brokers, nil for nobody. Secret: it is never logged.
	Login *servers.KafkaLogin

	// DatabaseURL is a PostgreSQL connection string, empty for the PG* environment variables. Secret: it is never logged.
	DatabaseURL string
	// Connections is the size of the connection pool that all partitions share. Default 2 to 4, by the number of processors.
	// More: more COPYs at once, which pays only while PostgreSQL has idle cores. Fewer: partitions wait for each other.
	Connections int

	// Start is where a topic begins that the ledger does not know. Default: earliest.
	Start Start
	// OnDataLoss is what happens when retention or DeleteRecords passed the position by. Default: halt.
	OnDataLoss DataLoss
	// MaxDeadLetters halts a partition instead of burying a whole topic in dead letters. Default: 90% of the last 1,000 records that this
	// process moved of the partition. Lower: a bad hour of one producer halts. Off: a topic of something else becomes dead letters
	// to its end.
	MaxDeadLetters DeadLetterLimit

	// MemoryBytes bounds the buffers of all partitions together. Default 128 MiB. A quarter is shared out among the partitions owned; with the
	// rest, those that are behind take turns, two more at once than there are connections: two responses, their decompressed batches
	// and two batches of rows each. More: larger fetches and transactions (docs/performance.md has what they gain). Less: smaller ones, at the
	// cost of more round trips.
	MemoryBytes int
	// MaxBatchBytes is the largest record batch, compressed or not, that is read at all. Default 32 MiB. A batch above what a turn
	// has is read one at a time over all partitions, in memory of its own beside MemoryBytes: twice its size where it is compressed. A batch above this limit halts its partition. Keep it above the brokers' message.max.bytes, times the compression
	// ratio.
	MaxBatchBytes int

	// SessionTimeout is how long the group waits for a silent member before its partitions go to others. Default 10 s. Longer:
	// partitions of a killed member rest longer. Shorter: a pause of the machine costs a rebalance. Brokers allow 6 s and more
	// (group.min.session.timeout.ms).
	SessionTimeout time.Duration
	// DrainTimeout is how long a stop or a rebalance waits for transactions in flight before they are rolled back. Default 4 s.
	// From the end of a generation until the next join kafka-go sends no heartbeat, so DrainTimeout and NetworkTimeout together
	// must be shorter than SessionTimeout.
	DrainTimeout time.Duration
	// NetworkTimeout bounds a dial and a request to a broker beyond the wait that the request asks for. Default 5 s.
	NetworkTimeout time.Duration
	// CommitInterval is how often offsets are committed to Kafka, for lag tools only. Default 1 s; always once more at the end.
	CommitInterval time.Duration
	// WatchInterval is how often metadata is asked for new partitions, and PostgreSQL whether it is there. Default 5 s.
	WatchInterval time.Duration

	// Logger takes what an operator must know. Default: discard.
	Logger *slog.Logger
}

// DefaultConfig returns the defaults that the fields' comments state.
func DefaultConfig() Config {
	return Config{
		Topics:         []string{"rides"},
		Group:          "ridesink",
		ClientID:       "ridesink",
		Connections:    max(2, min(4, runtime.GOMAXPROCS(0))),
		OnDataLoss:     HaltOnDataLoss,
		MaxDeadLetters: DeadLetterLimit{limited: true, percent: 90},
		MemoryBytes:    128 << 20,
		MaxBatchBytes:  32 << 20,
		SessionTimeout: 10 * time.Second,
		DrainTimeout:   4 * time.Second,
		NetworkTimeout: 5 * time.Second,
		CommitInterval: time.Second,
		WatchInterval:  5 * time.Second,
		Logger:         slog.New(slog.DiscardHandler),
	}
}

// Validate returns every fault of c at once, joined; nil if there is none. It changes nothing and dials nothing.
func (c Config) Validate() error {
	var faults []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	require(len(c.Brokers) > 0, "--brokers is empty: name at least one broker as host:port")
	require(len(c.Topics) > 0, "--topics is empty: name at least one topic")
	seen := map[string]bool{}
	for _, topic := range c.Topics {
		require(topic != "", "--topics holds an empty name")
		require(!seen[topic], "--topics names %q twice", topic)
		seen[topic] = true
	}
	require(c.Group != "", "--group is empty: name the consumer group")
	require(c.Connections >= 1 && c.Connections <= 1000, "--connections is %d: 1 to 1000", c.Connections)
	require(c.OnDataLoss == HaltOnDataLoss || c.OnDataLoss == SkipOnDataLoss, "--on-data-loss is %q: it is halt or skip", c.OnDataLoss)
	require(c.MemoryBytes >= 1<<20, "--memory-bytes is %d: at least 1 MiB (1048576) is needed", c.MemoryBytes)
	require(c.MaxBatchBytes >= 1<<20, "--max-batch-bytes is %d: at least 1 MiB (1048576) is needed, a broker's default message.max.bytes", c.MaxBatchBytes)
	require(c.MaxBatchBytes <= 1<<30, "--max-batch-bytes is %d: at most 1 GiB (1073741824)", c.MaxBatchBytes)
	require(c.DrainTimeout > 0, "--drain-timeout is %s: it must be above zero", c.DrainTimeout)
	require(c.NetworkTimeout > 0, "the network timeout is %s: it must be above zero", c.NetworkTimeout)
	require(c.CommitInterval > 0, "the commit interval is %s: it must be above zero", c.CommitInterval)
	require(c.WatchInterval > 0, "the watch interval is %s: it must be above zero", c.WatchInterval)
	require(c.DrainTimeout+c.NetworkTimeout < c.SessionTimeout,
		"--drain-timeout %s and the network timeout %s together must be shorter than --session-timeout %s: no heartbeat is sent while a rebalance drains",
		c.DrainTimeout, c.NetworkTimeout, c.SessionTimeout)
	require(c.Logger != nil, "the logger is nil")
	return errors.Join(faults...)
}

// kafka is the part of c that says how brokers are reached.
func (c Config) kafka() servers.KafkaConfig {
	return servers.KafkaConfig{
		Brokers: c.Brokers, Topics: c.Topics, ClientID: c.ClientID, TLS: c.TLS, Login: c.Login, MaxBatchBytes: c.MaxBatchBytes, NetworkTimeout: c.NetworkTimeout,
	}
}

// heartbeatInterval keeps three heartbeats and more within a session.
func (c Config) heartbeatInterval() time.Duration { return min(time.Second, c.SessionTimeout/6) }

// LogValue shows the settings without the database's URL and the login to Kafka, which hold secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Any("brokers", c.Brokers),
		slog.Any("topics", c.Topics),
		slog.String("group", c.Group),
		slog.String("start", c.Start.String()),
		slog.String("on_data_loss", string(c.OnDataLoss)),
		slog.String("max_dead_letters", c.MaxDeadLetters.String()),
		slog.Int("connections", c.Connections),
		slog.Int("memory_bytes", c.MemoryBytes),
		slog.Int("max_batch_bytes", c.MaxBatchBytes),
		slog.Float64("session_timeout_seconds", c.SessionTimeout.Seconds()),
		slog.Float64("drain_timeout_seconds", c.DrainTimeout.Seconds()),
	)
}

// String is LogValue as text, so that a Config printed by mistake shows no secret.
func (c Config) String() string { return c.LogValue().String() }
