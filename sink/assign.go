package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
	"ridesink/schema"
)

// assign.go: before anything is fetched, every partition gets its row in the ledger. Before it membership.go; after it pipeline.go.

// known is the set of partitions whose rows this process has made or seen. One that is known and has no row any more was deleted by
// hand: starting it anew would store its records twice.
type known struct {
	mu         sync.Mutex
	partitions map[topicPartition]bool // guarded by mu
}

func (k *known) add(tps ...topicPartition) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.partitions == nil {
		k.partitions = map[topicPartition]bool{}
	}
	for _, tp := range tps {
		k.partitions[tp] = true
	}
}

func (k *known) has(tp topicPartition) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.partitions[tp]
}

// prepare checks the servers and gives every topic that the ledger does not know its rows, all partitions at once: so --start decides
// once, also when several members start at the same time or the first one dies at once.
func (s *Sink) prepare(ctx context.Context) error {
	if err := servers.CheckDatabase(ctx, s.db); err != nil {
		return err
	}
	if err := s.checkTypes(ctx); err != nil {
		return err
	}
	topics, err := s.kafka.CheckTopics(ctx, s.cfg.Topics...)
	if err != nil {
		return err
	}
	if err := s.kafka.CheckReadable(ctx, topics); err != nil {
		return err
	}
	rows, err := s.ledger.read(ctx, s.cfg.Topics, databaseEpoch)
	if err != nil {
		return err
	}
	begun := map[string]bool{}
	var others []string // groups that wrote before
	for _, row := range rows {
		begun[row.topic] = true
		s.known.add(row.topicPartition)
		if row.group != "" && row.group != s.cfg.Group && !slices.Contains(others, row.group) {
			others = append(others, row.group)
		}
	}
	if len(others) > 0 {
		s.log.WarnContext(ctx, "another group has written these topics: no record is stored twice, but members of both get in each other's way; stop one of them, or give this one its --group",
			"topics", s.cfg.Topics, "group", s.cfg.Group, "others", others)
	}
	var missing []newRow
	for _, topic := range topics {
		if begun[topic.Name] {
			continue
		}
		starts, err := s.starts(ctx, topic, s.cfg.Start)
		if partlog.Retriable(err) {
			return &EnvironmentError{What: fmt.Sprintf("topic %q has a partition that no broker answers for", topic.Name), Do: "wait until its leader is there, and start again", Err: err}
		}
		if err != nil {
			return err
		}
		missing = append(missing, starts...)
	}
	s.log.InfoContext(ctx, "starting", "config", s.cfg) // only now: what is wrong at the start is one line, from the caller
	return s.make(ctx, missing)
}

// assign makes sure that every assigned partition has its row, and returns the topics' metadata. Servers that are away are waited for.
func (s *Sink) assign(ctx context.Context, assigned []topicPartition) (map[string]partlog.Topic, error) {
	var topics []partlog.Topic
	err := s.persist(ctx, "kafka", func(ctx context.Context) (err error) {
		topics, err = s.kafka.Log.Topics(ctx, s.cfg.Topics...)
		for _, topic := range topics { // without its id a topic that was made again would not be noticed
			if err == nil && mendable(topic.Err) && !errors.Is(topic.Err, partlog.ErrUnknownTopic) {
				err = topic.Err
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var rows []ledgerRow
	err = s.persist(ctx, "postgres", func(ctx context.Context) (err error) {
		if err = s.checkTypes(ctx); err == nil {
			rows, err = s.ledger.read(ctx, s.cfg.Topics, databaseEpoch)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		s.known.add(row.topicPartition)
	}
	byName := make(map[string]partlog.Topic, len(topics))
	var missing []newRow
	for _, topic := range topics {
		byName[topic.Name] = topic
		topic.Partitions = slices.DeleteFunc(slices.Clone(topic.Partitions), func(p partlog.Partition) bool {
			tp := topicPartition{topic: topic.Name, partition: p.Number}
			return s.known.has(tp) || !slices.Contains(assigned, tp)
		})
		if len(topic.Partitions) == 0 {
			continue
		}
		err := s.persist(ctx, "kafka", func(ctx context.Context) error {
			starts, err := s.starts(ctx, topic, StartEarliest()) // a partition that came later: all of it is new
			missing = append(missing, starts...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if err := s.persist(ctx, "postgres", func(ctx context.Context) error { return s.make(ctx, missing) }); err != nil {
		return nil, err
	}
	return byName, nil
}

// checkTypes returns an *EnvironmentError if somebody gave a column of rides another type. COPY would not notice: an integer that became real is
// stored as another number. A column that is missing is PostgreSQL's to tell, and halts partitions.
func (s *Sink) checkTypes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	differences, err := servers.CompareColumns(ctx, s.db, schema.Columns(), schema.TypeOf)
	if err != nil {
		return err
	}
	return differences.TypesError()
}

// make makes rows and remembers them.
func (s *Sink) make(ctx context.Context, rows []newRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := s.ledger.make(ctx, rows, s.cfg.Group); err != nil {
		return err
	}
	for _, row := range rows {
		s.known.add(row.topicPartition)
		s.log.InfoContext(ctx, "first start", "topic", row.topic, "partition", row.partition, "position", int64(row.start))
	}
	return nil
}
