package sink

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
)

// commit.go: offsets committed to Kafka, after the database's commit. Before it write.go. Lag tools and the next member see them; nothing
// here decides where anybody reads.

// committer commits the positions of one generation, throttled.
type committer struct {
	client     *kafka.Client
	generation *kafka.Generation
	interval   time.Duration
	log        *slog.Logger
	points     *points
	failures   prometheus.Counter

	mu      sync.Mutex
	pending map[topicPartition]Position // guarded by mu: durable in PostgreSQL, not yet committed
}

// note takes a position that is durable.
func (c *committer) note(tp topicPartition, next Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[tp] = next
}

// lastCommitTimeout bounds the commit at the end of a generation.
const lastCommitTimeout = 3 * time.Second

// run commits every interval until ctx ends, then once more within lastCommitTimeout.
func (c *committer) run(ctx context.Context) {
	ticker := time.NewTicker(c.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.commit(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCommitTimeout)
			defer cancel()
			c.commit(last)
			return
		}
	}
}

// commit commits what is pending. A failure is logged and nothing more: the positions stay pending unless newer ones came.
func (c *committer) commit(ctx context.Context) {
	c.mu.Lock()
	batch := c.pending
	c.pending = make(map[topicPartition]Position, len(batch))
	c.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	c.points.reached(beforeCommit)
	if err := c.send(ctx, batch); err != nil {
		c.failures.Inc()
		c.log.InfoContext(ctx, "offsets not committed to Kafka; the position in PostgreSQL is not affected", "err", err)
		c.mu.Lock()
		defer c.mu.Unlock()
		for tp, next := range batch {
			if _, newer := c.pending[tp]; !newer {
				c.pending[tp] = next
			}
		}
		return
	}
	c.points.reached(afterCommit)
}

func (c *committer) send(ctx context.Context, batch map[topicPartition]Position) error {
	topics := make(map[string][]kafka.OffsetCommit)
	for tp, next := range batch {
		topics[tp.topic] = append(topics[tp.topic], kafka.OffsetCommit{Partition: int(tp.partition), Offset: int64(next)})
	}
	response, err := c.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: c.generation.GroupID, GenerationID: int(c.generation.ID), MemberID: c.generation.MemberID, Topics: topics,
	})
	if err != nil {
		return fmt.Errorf("commit %d offsets: %w", len(batch), err)
	}
	for topic, partitions := range response.Topics {
		for _, partition := range partitions {
			if partition.Error != nil {
				return fmt.Errorf("commit the offset of %s/%d: %w", topic, partition.Partition, partition.Error)
			}
		}
	}
	return nil
}
