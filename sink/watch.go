package sink

import (
	"context"
	"errors"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
)

// watch.go: what changes under a running generation: new partitions, a topic that was made again, a ledger that somebody moved, columns of
// another type, a database that is away.

// watch asks for metadata until ctx ends or the group must share out again: there are partitions that it does not know and this member leads,
// or a topic is another one than at the assignment. Its only error is that rides has columns of other types by now.
func (s *Sink) watch(ctx context.Context, leader *leaderBalancer, assigned map[string]partlog.Topic) error {
	trouble := s.outage("postgres")
	defer trouble.forget()
	elsewhere := map[topicPartition]sighting{}
	for {
		sleep(ctx, s.cfg.WatchInterval)
		if ctx.Err() != nil {
			return nil
		}
		var changed *EnvironmentError
		if err := s.checkTypes(ctx); errors.As(err, &changed) {
			return err
		}
		s.lookAfterLedger(ctx, trouble, elsewhere)
		topics, err := s.kafka.Log.Topics(ctx, s.cfg.Topics...)
		if err != nil {
			s.log.DebugContext(ctx, "cannot look for new partitions", "err", err)
			continue
		}
		for _, topic := range topics {
			if topic.Err != nil {
				continue
			}
			if seen, leads := leader.leads(topic.Name); leads && len(topic.Partitions) > seen {
				s.log.InfoContext(ctx, "new partitions: sharing out again", "topic", topic.Name, "partitions", len(topic.Partitions), "before", seen)
				return nil
			}
			if was := assigned[topic.Name].ID; was != topic.ID && was != (partlog.TopicID{}) && topic.ID != (partlog.TopicID{}) {
				s.log.WarnContext(ctx, "the topic was deleted and made again", "topic", topic.Name)
				return nil
			}
		}
	}
}

// sighting is a partition that is elsewhere in the ledger than its pipeline thinks.
type sighting struct {
	ours, ledgers Position // ledgers is -1 where the row has vanished
	mended        bool     // the pipeline is halted, and the ledger does not say so any more
}

// lookAfterLedger notices a position that was moved under a pipeline with nothing to write, by sink reset, say: seen twice, for a pipeline may
// just be writing. It also notices that PostgreSQL is away while there is nothing to write.
func (s *Sink) lookAfterLedger(ctx context.Context, trouble *outage, elsewhere map[topicPartition]sighting) {
	ctx, cancel := context.WithTimeout(ctx, servers.ConnectTimeout)
	defer cancel()
	states := s.owned.states()
	rows, err := s.ledger.read(ctx, s.cfg.Topics, databaseEpoch)
	if err != nil {
		if s.db.Stat().AcquiredConns() < s.db.Stat().MaxConns() { // else it may only be busy, and the writers know
			trouble.failed(ctx, err)
		}
		return
	}
	trouble.ended(ctx)
	byPartition := make(map[topicPartition]ledgerRow, len(rows))
	for _, row := range rows {
		byPartition[row.topicPartition] = row
	}
	for tp, state := range states {
		seen := sighting{ours: state.position(), ledgers: -1}
		if row, there := byPartition[tp]; there {
			seen.ledgers, seen.mended = row.next, state.isHalted() && row.haltedReason == ""
		}
		switch before, again := elsewhere[tp]; {
		case seen.ours == seen.ledgers && !seen.mended, seen.ledgers < 0 && state.isHalted():
			delete(elsewhere, tp)
		case again && before == seen:
			delete(elsewhere, tp)
			state.tellMoved()
		default:
			elsewhere[tp] = seen
		}
	}
}
