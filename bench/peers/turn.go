package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// turn.go: one peer moves all rides once.

// How long a peer may take, and how long its table must rest before it is believed that no more rows come. After a kill Kafka keeps a dead
// member's partitions for its session, 45 s by default, so that a new one may have to wait that long before it goes on.
const (
	patience       = 30 * time.Minute
	quiet          = 3 * time.Second
	quietAfterKill = 15 * time.Second
	givesUp        = 90 * time.Second
)

// turn is one run of one peer into an empty table.
type turn struct {
	peer  *peer
	topic *topic
	group string // in Kafka, and what else must not be shared with other turns
	dir   string // for its files
	table table
}

// newTurn prepares an empty table and a directory.
func newTurn(ctx context.Context, s *servers, p *peer, from *topic, name string) (*turn, error) {
	t := &turn{peer: p, topic: from, group: p.name + "-" + name, table: table{s.conn, p.name}}
	t.dir = filepath.Join(s.dir, t.group)
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	if err := t.table.create(ctx, p.columns); err != nil {
		return nil, err
	}
	if p.prepare != nil {
		if err := p.prepare(ctx, s, t); err != nil {
			return nil, err
		}
	}
	_, err := s.conn.Exec(ctx, "CHECKPOINT") // so that nobody pays for what the one before left
	return t, err
}

func (t *turn) start(s *servers) (*process, error) {
	command, err := t.peer.command(s, t)
	if err != nil {
		return nil, err
	}
	return startProcess(command, s.scratch, t.dir)
}

// speed is what an undisturbed turn showed.
type speed struct {
	perSecond float64       // rides, from the first commit to the last
	whole     time.Duration // from the start of the process to the last commit
	cpu       time.Duration // of the process, its start included
	peak      int64         // bytes
}

// undisturbed moves all rides, checks what came out, and returns how fast it was.
func undisturbed(ctx context.Context, s *servers, p *peer, from *topic, name string) (speed, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %s", patience))
	defer cancel()
	t, err := newTurn(ctx, s, p, from, name)
	if err != nil {
		return speed{}, err
	}
	began := time.Now()
	running, err := t.start(s)
	if err != nil {
		return speed{}, err
	}
	defer running.kill()
	if p.ends {
		err = running.finish(ctx)
	} else {
		err = t.settle(ctx, running, quiet, t.table.rows)
	}
	if err != nil {
		return speed{}, err
	}
	running.kill()
	stored, err := t.table.content(ctx)
	if err != nil {
		return speed{}, err
	}
	if err := stored.check(from); err != nil {
		return speed{}, err
	}
	when, err := t.table.commits(ctx)
	if err != nil {
		return speed{}, fmt.Errorf("when was it committed? %w", err)
	}
	return speed{
		perSecond: when.perSecond(stored.rows), whole: when.last.Sub(began), cpu: running.cpu(), peak: running.peak.Load(),
	}, nil
}

// settle waits until the peer has ended by itself, or its table rests and holds all rides, or rests for so long that they will not come any
// more. (Flink, started again from a checkpoint, reads its bounded topic to the end and then goes on running.)
func (t *turn) settle(ctx context.Context, running *process, quiet time.Duration, count func(context.Context) (int64, error)) error {
	r := rest{table: t.table}
	var counted time.Time
	return await(ctx, running, func() (bool, error) {
		if t.peer.ends && running.ended() {
			return true, running.finish(ctx)
		}
		lasts, err := r.lasts(ctx)
		if err != nil || lasts < quiet || time.Since(counted) < quiet { // counting takes what others may need
			return false, err
		}
		counted = time.Now()
		rides, err := count(ctx)
		return rides >= t.topic.rides || lasts > givesUp, err
	})
}

// damage is what a kill left behind.
type damage struct {
	atKill        int64 // rows
	twice, lost   int64
	amountsDiffer bool // although no ride is there twice or lost
}

// errTooQuick says that nothing was left to be done after the kill. With few rides that is no fault of the peer.
var errTooQuick = errors.New("it was done before it could be killed: take more -rides")

// disturbed kills the peer when half of the rides are there, starts it again, and returns what is there in the end.
func disturbed(ctx context.Context, s *servers, p *peer, from *topic, name string) (damage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %s", patience))
	defer cancel()
	t, err := newTurn(ctx, s, p, from, name)
	if err != nil {
		return damage{}, err
	}
	if err := t.killHalfWay(ctx, s); err != nil {
		return damage{}, err
	}
	var d damage
	if d.atKill, err = t.table.rows(ctx); err != nil {
		return damage{}, err
	}
	if d.atKill >= from.rides {
		return damage{}, errTooQuick
	}
	running, err := t.start(s)
	if err != nil {
		return damage{}, err
	}
	defer running.kill()
	err = t.settle(ctx, running, quietAfterKill, func(ctx context.Context) (int64, error) {
		c, err := t.table.content(ctx)
		return c.rides, err
	})
	if err != nil {
		return damage{}, fmt.Errorf("started again: %w", err)
	}
	running.kill()
	stored, err := t.table.content(ctx)
	if err != nil {
		return damage{}, err
	}
	d.twice, d.lost = stored.rows-stored.rides, from.rides-stored.rides
	d.amountsDiffer = d.twice == 0 && d.lost == 0 && stored.check(from) != nil
	return d, nil
}

// killHalfWay starts the peer and kills it when half of the rides are committed.
func (t *turn) killHalfWay(ctx context.Context, s *servers) error {
	running, err := t.start(s)
	if err != nil {
		return err
	}
	defer running.kill()
	return await(ctx, running, func() (bool, error) {
		rows, err := t.table.rows(ctx)
		return rows >= t.topic.rides/2, err
	})
}
