// Package status says how far every partition is, from PostgreSQL and Kafka alone: no sink needs to run, and none is asked. It changes nothing.
package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
)

// status.go: one look at all partitions; its parts are the ledger, the bounds of the logs and the members of the group. sql.go has the statement.

// Config is what Look needs.
type Config struct {
	Topics []string
	Group  string // whose members own the partitions
	// RateOver is how long to watch the positions for the rate; zero: not at all.
	RateOver time.Duration
	// MaxBatchBytes is the largest record batch that is opened to see how old the first unread record is.
	MaxBatchBytes int
}

// Status is what was seen. It marshals to what `sink status --json` prints.
type Status struct {
	At         time.Time   `json:"at"`
	Group      string      `json:"group"`
	GroupState string      `json:"group_state"` // as Kafka calls it: Stable, Empty, PreparingRebalance, ..
	Partitions []Partition `json:"partitions"`  // in order
	Totals     Totals      `json:"totals"`
}

// Totals sums up over the partitions.
type Totals struct {
	Lag              int64    `json:"lag"`
	RecordsPerSecond *float64 `json:"records_per_second,omitempty"`
	Inserted         int64    `json:"inserted"`
	DeadLetters      int64    `json:"dead_letters"`
	Halted           int      `json:"halted"`
	Unowned          int      `json:"unowned"`
}

// Partition is one partition. What is not known is nil.
type Partition struct {
	Topic            string     `json:"topic"`
	Partition        int32      `json:"partition"`
	Position         *int64     `json:"position"` // nil: the sink has not begun with it
	LogStart         int64      `json:"log_start"`
	LogEnd           int64      `json:"log_end"` // last stable offset: the end for readers of committed records
	HighWatermark    int64      `json:"high_watermark"`
	Lag              int64      `json:"lag"`                   // offsets between position, or log start, and log end
	LagSeconds       *float64   `json:"lag_seconds,omitempty"` // how old the first record is that is not stored
	RecordsPerSecond *float64   `json:"records_per_second,omitempty"`
	Inserted         int64      `json:"inserted"`
	DeadLetters      int64      `json:"dead_letters"`
	Tombstones       int64      `json:"tombstones"`
	NotRecords       int64      `json:"not_records"`
	Lost             int64      `json:"lost"`
	Owner            *Owner     `json:"owner,omitempty"`
	LastWrite        *time.Time `json:"last_write,omitempty"`
	HaltedReason     string     `json:"halted_reason,omitempty"`
	HaltedAt         *time.Time `json:"halted_at,omitempty"`
}

// Owner is the member of the group that a partition is assigned to.
type Owner struct {
	Member   string `json:"member"`
	ClientID string `json:"client_id"`
	Host     string `json:"host"`
}

// Name is topic/partition.
func (p Partition) Name() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

// State says in a word how a partition is: halted, idle (nobody owns it), behind or current.
func (p Partition) State() string {
	switch {
	case p.HaltedReason != "":
		return "halted"
	case p.Owner == nil:
		return "idle"
	case p.Lag > 0:
		return "behind"
	}
	return "current"
}

// Look looks once. It takes cfg.RateOver and a few round trips. Errors say which server did not answer; those of servers.CheckDatabase and
// CheckTopics are for the caller to ask first.
func Look(ctx context.Context, db *pgxpool.Pool, brokers *servers.Kafka, cfg Config) (*Status, error) {
	topics, err := brokers.CheckTopics(ctx, cfg.Topics...)
	if err != nil {
		return nil, err
	}
	before, seen, err := ledger(ctx, db, cfg.Topics)
	if err != nil {
		return nil, err
	}
	if err := servers.Pause(ctx, cfg.RateOver); err != nil {
		return nil, err
	}
	now, at := before, seen
	if cfg.RateOver > 0 {
		if now, at, err = ledger(ctx, db, cfg.Topics); err != nil {
			return nil, err
		}
	}
	s := &Status{At: at, Group: cfg.Group}
	owners, err := s.members(ctx, brokers.Client, cfg.Group)
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		numbers := make([]int32, 0, len(topic.Partitions))
		for _, p := range topic.Partitions {
			numbers = append(numbers, p.Number)
		}
		bounds, err := brokers.Log.Bounds(ctx, topic.Name, numbers...)
		if err != nil {
			return nil, fmt.Errorf("ask for the offsets of %s: %w", topic.Name, err)
		}
		for _, number := range numbers {
			key := place{topic: topic.Name, partition: number}
			p := now[key]
			p.Topic, p.Partition = topic.Name, number
			p.measure(bounds[number])
			if was := before[key].Position; was != nil && p.Position != nil && at.After(seen) {
				rate := float64(*p.Position-*was) / at.Sub(seen).Seconds()
				p.RecordsPerSecond = &rate
			}
			if owner, owned := owners[key]; owned {
				p.Owner = &owner
			}
			s.Partitions = append(s.Partitions, p)
		}
	}
	slices.SortFunc(s.Partitions, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	if err := s.ages(ctx, brokers.Log, cfg.MaxBatchBytes); err != nil {
		return nil, err
	}
	s.sum()
	return s, nil
}

// place names a partition.
type place struct {
	topic     string
	partition int32
}

// ledger reads the positions, and when that was.
func ledger(ctx context.Context, db *pgxpool.Pool, topics []string) (map[place]Partition, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*servers.ConnectTimeout)
	defer cancel()
	rows, err := db.Query(ctx, readLedger, pgx.NamedArgs{"topics": topics})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read the ledger: %w", err)
	}
	found := map[place]Partition{}
	var p Partition
	var position int64
	var haltedAt, updatedAt pgtype.Timestamptz
	_, err = pgx.ForEachRow(rows, []any{
		&p.Topic, &p.Partition, &position, &p.Inserted, &p.DeadLetters, &p.Tombstones, &p.NotRecords, &p.Lost, &p.HaltedReason, &haltedAt, &updatedAt,
	}, func() error {
		row, next := p, position
		row.Position = &next
		row.LastWrite, row.HaltedAt = instant(updatedAt), instant(haltedAt)
		found[place{topic: p.Topic, partition: p.Partition}] = row
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read the ledger: %w", err)
	}
	return found, time.Now(), nil
}

func instant(t pgtype.Timestamptz) *time.Time {
	if !t.Valid {
		return nil
	}
	utc := t.Time.UTC()
	return &utc
}

// members asks Kafka who owns what.
func (s *Status) members(ctx context.Context, client *kafka.Client, group string) (map[place]Owner, error) {
	described, err := describe(ctx, client, group)
	if err != nil {
		return nil, fmt.Errorf("ask for the members of group %s: %w", group, err)
	}
	owners := map[place]Owner{}
	for _, g := range described.Groups {
		s.GroupState = g.GroupState
		for _, m := range g.Members {
			for _, topic := range m.MemberAssignments.Topics {
				for _, partition := range topic.Partitions {
					owners[place{topic: topic.Topic, partition: int32(partition)}] = Owner{Member: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
				}
			}
		}
	}
	return owners, nil
}

// describe asks for one group, again for a while where its coordinator is on its way: a new cluster makes the topic for that first.
func describe(ctx context.Context, client *kafka.Client, group string) (*kafka.DescribeGroupsResponse, error) {
	const wait, patience = 250 * time.Millisecond, 10 * time.Second
	for began := time.Now(); ; {
		described, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
		for i := 0; err == nil && i < len(described.Groups); i++ {
			err = described.Groups[i].Error
		}
		var code kafka.Error
		if err == nil || !errors.As(err, &code) || !code.Temporary() || time.Since(began) > patience {
			return described, err
		}
		if err := servers.Pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// measure fills in what the log's bounds say.
func (p *Partition) measure(b partlog.Bounds) {
	p.LogStart, p.LogEnd, p.HighWatermark = b.LogStart, b.LastStable, b.HighWatermark
	from := b.LogStart
	if p.Position != nil {
		from = *p.Position
	}
	p.Lag = max(0, b.LastStable-from)
}

// ages looks at the first unread record of each partition that is behind.
func (s *Status) ages(ctx context.Context, log *partlog.Log, maxBatchBytes int) error {
	const atOnce, firstBytes = 8, 64 << 10
	looks, ctx := errgroup.WithContext(ctx)
	looks.SetLimit(atOnce)
	for i := range s.Partitions {
		p := &s.Partitions[i]
		if p.Lag == 0 {
			continue
		}
		looks.Go(func() error {
			from := p.LogStart
			if p.Position != nil {
				from = max(from, *p.Position)
			}
			fetched, err := log.Partition(p.Topic, p.Partition).Fetch(ctx, from, partlog.FetchOptions{
				MaxBytes: firstBytes, BufferBytes: maxBatchBytes, MaxWait: 100 * time.Millisecond,
			}, nil)
			if err != nil {
				return nil //nolint:nilerr // its age is not known, and all else is
			}
			var r partlog.Record
			if fetched.Record(&r) && r.Timestamp >= 0 {
				age := max(0, s.At.Sub(time.UnixMilli(r.Timestamp)).Seconds())
				p.LagSeconds = &age
			}
			return nil
		})
	}
	return looks.Wait()
}

func (s *Status) sum() {
	rate, known := 0.0, false
	for _, p := range s.Partitions {
		s.Totals.Lag += p.Lag
		s.Totals.Inserted += p.Inserted
		s.Totals.DeadLetters += p.DeadLetters
		if p.HaltedReason != "" {
			s.Totals.Halted++
		}
		if p.Owner == nil {
			s.Totals.Unowned++
		}
		if p.RecordsPerSecond != nil {
			rate, known = rate+*p.RecordsPerSecond, true
		}
	}
	if known {
		s.Totals.RecordsPerSecond = &rate
	}
}
