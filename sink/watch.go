package sink

import (
	"context"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
)

// watch.go: what changes under a running generation: new partitions, a topic that was made again, a database that is away.

// watch asks for metadata until ctx ends or the group must share out again: there are partitions that it does not know and this member leads,
// or a topic is another one than at the assignment.
func (s *Sink) watch(ctx context.Context, leader *leaderBalancer, assigned map[string]partlog.Topic) {
	trouble := s.outage("postgres", s.log)
	defer trouble.forget()
	for {
		sleep(ctx, s.cfg.WatchInterval)
		if ctx.Err() != nil {
			return
		}
		s.lookAfterDatabase(ctx, trouble)
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
				return
			}
			if was := assigned[topic.Name].ID; was != topic.ID && was != (partlog.TopicID{}) && topic.ID != (partlog.TopicID{}) {
				s.log.WarnContext(ctx, "the topic was deleted and made again", "topic", topic.Name)
				return
			}
		}
	}
}

// lookAfterDatabase notices that PostgreSQL is away also while there is nothing to write.
func (s *Sink) lookAfterDatabase(ctx context.Context, trouble *outage) {
	ctx, cancel := context.WithTimeout(ctx, servers.ConnectTimeout)
	defer cancel()
	_, err := s.ledger.now(ctx)
	switch {
	case err == nil:
		trouble.ended(ctx)
	case s.db.Stat().AcquiredConns() < s.db.Stat().MaxConns(): // else it may only be busy, and the writers know
		trouble.failed(ctx, err)
	}
}
