package latency

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// poll.go: when rides became visible. The ledger is read as doc.go says; the statement is prepared once, by the driver.

const readLedger = `SELECT kafka_partition, next_offset FROM sink_ledger WHERE kafka_topic = $1`

// poller looks at one topic's positions. It is for one goroutine, and so is its connection.
type poller struct {
	conn      *pgx.Conn
	topic     string
	sender    *sender // nil: look only
	interval  time.Duration
	seen      map[int]int64   // next position, by partition
	latencies []time.Duration // of the rides that count
	plans     []time.Time     // used again
}

func newPoller(conn *pgx.Conn, topic string, s *sender, interval time.Duration) *poller {
	return &poller{conn: conn, topic: topic, sender: s, interval: interval, seen: map[int]int64{}}
}

// until looks until everything that was sent is visible, which must be soon after sent reports the end.
func (p *poller) until(ctx context.Context, sent func() bool) error {
	var late time.Time
	return p.each(ctx, func() (bool, error) {
		if !sent() {
			return true, nil
		}
		if p.all() {
			return false, nil
		}
		if late.IsZero() {
			late = time.Now().Add(patience)
		}
		if time.Now().After(late) {
			return false, fmt.Errorf("not all rides are stored after %s: positions %v, sent %v", patience, p.seen, p.sender.sent())
		}
		return true, nil
	})
}

// while looks until sent reports the end.
func (p *poller) while(ctx context.Context, sent func() bool) error {
	return p.each(ctx, func() (bool, error) { return !sent(), nil })
}

// each looks once an interval for as long as more says so.
func (p *poller) each(ctx context.Context, more func() (bool, error)) error {
	tick := time.NewTicker(p.interval)
	defer tick.Stop()
	for {
		if err := p.look(ctx); err != nil {
			return err
		}
		if again, err := more(); err != nil || !again {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *poller) all() bool {
	return !slices.ContainsFunc(slices.Collect(enumerated(p.sender.sent())), func(at position) bool { return p.seen[at.partition] != at.next })
}

// look asks once. What it shows counts as visible when the whole answer is here.
func (p *poller) look(ctx context.Context) error {
	rows, err := p.conn.Query(ctx, readLedger, p.topic)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	answer, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (at position, err error) {
		err = row.Scan(&at.partition, &at.next)
		return at, err
	})
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	now := time.Now()
	for _, at := range answer {
		before := p.seen[at.partition]
		p.seen[at.partition] = at.next
		if p.sender == nil || at.next == before {
			continue
		}
		if p.plans, err = p.sender.planned(p.plans[:0], at.partition, before, at.next); err != nil {
			return err
		}
		for _, planned := range p.plans {
			if !planned.Before(p.sender.first) {
				p.latencies = append(p.latencies, now.Sub(planned))
			}
		}
	}
	return nil
}
