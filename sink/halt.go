package sink

import (
	"context"
	"errors"
)

// halt.go: a partition that cannot go on says so, in the ledger, and waits for somebody to mend it.

// halted marks the partition as halted and waits until somebody mends its row, stop ends, or for ever. again says that the
// pipeline shall try once more. A backfill does not wait: a halted partition is done.
func (p *pipeline) halted(stop, work context.Context, why error) (again bool) {
	p.log.ErrorContext(work, "partition halted", "position", int64(p.state.position()), "err", why)
	p.state.halted(why.Error())
	marked := false
	err := p.sink.persist(work, "postgres", func(ctx context.Context) (err error) {
		marked, err = p.sink.ledger.halt(ctx, p.topicPartition, p.state.position(), why.Error())
		return err
	})
	switch {
	case err != nil && work.Err() == nil:
		p.log.ErrorContext(work, "cannot mark the partition as halted in the ledger", "err", err)
	case err == nil && !marked && !errors.Is(why, errRowVanished):
		return true // the ledger is elsewhere by now: look again
	}
	if p.end >= 0 {
		return false
	}
	before := p.state.position()
	for stop.Err() == nil && work.Err() == nil {
		sleep(stop, haltedRecheck)
		at, err := p.sink.ledger.position(work, p.topicPartition)
		if err == nil && (!at.halted || at.next != before) {
			p.log.InfoContext(work, "partition mended in the ledger: trying again", "position", int64(at.next))
			return true
		}
	}
	return false
}
