package sink

import (
	"context"
	"errors"
)

// halt.go: a partition that cannot go on says so: in the log, to readiness and metrics, and in the ledger.

// halt marks the partition as halted because of why. It reports false where the ledger is elsewhere by now: then the pipeline shall look again.
func (p *pipeline) halt(work context.Context, why error) bool {
	at := p.state.position()
	p.log.ErrorContext(work, "partition halted", "position", int64(at), "err", why)
	p.state.halted(why.Error())
	marked := false
	err := p.sink.persist(work, "postgres", func(ctx context.Context) (err error) {
		marked, err = p.sink.ledger.halt(ctx, p.topicPartition, at, why.Error())
		return err
	})
	if err != nil && work.Err() == nil {
		p.log.ErrorContext(work, "cannot mark the partition as halted in the ledger", "err", err)
	}
	return marked || err != nil || errors.Is(why, errRowVanished)
}
