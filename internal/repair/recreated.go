package repair

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ridesink/internal/partlog"
)

// recreated.go: a topic that was deleted and made again under the same name. What is stored is of the old one.

// Recreation is one topic's new beginning, as it is planned or as it was done.
type Recreation struct {
	Topic       string `json:"topic"`
	OldID       string `json:"old_topic_id,omitempty"`
	NewID       string `json:"new_topic_id,omitempty"`
	Known       bool   `json:"known"`             // both ids are known, and differ
	Rows        int64  `json:"rows"`              // of the old topic: deleted, or renamed
	DeadLetters int64  `json:"dead_letters"`      // the same
	Partitions  int    `json:"partitions"`        // of the new topic
	KeptAs      string `json:"kept_as,omitempty"` // the name under which the old rows go on

	rows   []ledgerRow // of the old topic
	id     partlog.TopicID
	starts map[int32]int64
}

// PlanRecreation says what starting again with topics that were made again would do, and changes nothing. With count it counts the rows.
func (r *Repair) PlanRecreation(ctx context.Context, topics []string, keepAs string, count bool) ([]*Recreation, error) {
	if keepAs != "" {
		if len(topics) != 1 {
			return nil, usagef("--keep-as gives one topic another name: choose one with --topics")
		}
		if keepAs == topics[0] {
			return nil, usagef("--keep-as %s is the topic's own name", keepAs)
		}
		if taken, err := r.taken(ctx, r.db, keepAs); err != nil || taken {
			return nil, keepAsTaken(keepAs, err)
		}
	}
	described, err := r.kafka.CheckTopics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	var plan []*Recreation
	for _, topic := range described {
		c, err := r.planRecreation(ctx, topic, keepAs, count)
		if err != nil {
			return nil, err
		}
		plan = append(plan, c)
	}
	return plan, nil
}

func (r *Repair) planRecreation(ctx context.Context, topic partlog.Topic, keepAs string, count bool) (*Recreation, error) {
	c := &Recreation{Topic: topic.Name, KeptAs: keepAs, id: topic.ID, starts: map[int32]int64{}, Partitions: len(topic.Partitions)}
	all, err := r.ledger(ctx, Selection{Topics: []string{topic.Name}})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, usagef("sink_ledger knows nothing of %s: there is nothing to start again with", topic.Name)
	}
	none := partlog.TopicID{}
	if topic.ID != none {
		c.NewID = topic.ID.String()
	}
	for _, row := range all {
		switch {
		case row.topicID == none || topic.ID == none:
		case row.topicID == topic.ID:
			continue // a partition that the old topic did not have: a member began with it already
		default:
			c.OldID, c.Known = row.topicID.String(), true
		}
		c.rows = append(c.rows, row)
	}
	if !c.Known && len(c.rows) < len(all) {
		return nil, usagef("%s was not made again: its id is still %s; to read it again use --to earliest", topic.Name, topic.ID)
	}
	var numbers []int32
	for _, p := range topic.Partitions {
		numbers = append(numbers, p.Number)
	}
	bounds, err := r.kafka.Log.Bounds(ctx, topic.Name, numbers...)
	if err != nil {
		return nil, fmt.Errorf("ask for the bounds of %s: %w", topic.Name, err)
	}
	for number, b := range bounds {
		c.starts[number] = b.LogStart
	}
	if count {
		if err := r.db.QueryRow(ctx, countTopic, pgx.NamedArgs{"topic": topic.Name, "partitions": c.partitions()}).Scan(&c.Rows, &c.DeadLetters); err != nil {
			return nil, fmt.Errorf("count what is stored of %s: %w", topic.Name, err)
		}
	}
	return c, nil
}

// DoRecreation carries a plan out, in one transaction.
func (r *Repair) DoRecreation(ctx context.Context, plan []*Recreation, reason string) error {
	var places []Place
	for _, c := range plan {
		for _, row := range c.rows {
			places = append(places, row.Place)
		}
	}
	return r.locked(ctx, places, func(tx pgx.Tx, rows []ledgerRow) error {
		for _, row := range rows {
			for _, c := range plan {
				if c.Topic == row.Topic && c.id == row.topicID && c.id != (partlog.TopicID{}) {
					return fmt.Errorf("%s was started again by somebody else meanwhile: look at sink_events", row.Topic)
				}
			}
		}
		for _, c := range plan {
			if err := r.recreate(ctx, tx, c, reason); err != nil {
				return fmt.Errorf("start again with %s: %w", c.Topic, err)
			}
		}
		return nil
	})
}

func (r *Repair) recreate(ctx context.Context, tx pgx.Tx, c *Recreation, reason string) error {
	statements := []string{deleteTopicRides, deleteTopicLetters, deleteTopicLedger}
	if c.KeptAs != "" {
		if taken, err := r.taken(ctx, tx, c.KeptAs); err != nil || taken {
			return keepAsTaken(c.KeptAs, err)
		}
		statements = []string{renameTopicRides, renameTopicLetters, renameTopicLedger}
	}
	args := pgx.NamedArgs{"topic": c.Topic, "partitions": c.partitions()}
	if c.KeptAs != "" {
		args["name"] = c.KeptAs
	}
	for i, statement := range statements {
		tag, err := tx.Exec(ctx, statement, args)
		if err != nil {
			return err
		}
		switch i {
		case 0:
			c.Rows = tag.RowsAffected()
		case 1:
			c.DeadLetters = tag.RowsAffected()
		}
	}
	for number := range int32(c.Partitions) {
		start, there := c.starts[number]
		if !there {
			continue // Kafka numbers partitions from 0 without gaps; one that is not listed appears later, and starts at its log start
		}
		if _, err := tx.Exec(ctx, makeLedgerRow, pgx.NamedArgs{"topic": c.Topic, "partition": number, "topic_id": uuid(c.id), "start": start}); err != nil {
			return err
		}
	}
	if reason == "" {
		reason = "sink reset --recreated"
	}
	return record(ctx, tx, event{
		name: eventRecreated, place: Place{Topic: c.Topic, Partition: -1}, reason: reason,
		details: &details{Partitions: c.partitions(), OldID: c.OldID, NewID: c.NewID, KeptAs: c.KeptAs, Deleted: c.deleted()},
	})
}

// partitions are those of the old topic.
func (c *Recreation) partitions() []int32 {
	numbers := make([]int32, 0, len(c.rows))
	for _, row := range c.rows {
		numbers = append(numbers, row.Partition)
	}
	return numbers
}

func (c *Recreation) deleted() *tally {
	if c.KeptAs != "" {
		return nil
	}
	return &tally{c.Rows, c.DeadLetters}
}

// rowQuerier is a pool or a transaction.
type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (r *Repair) taken(ctx context.Context, db rowQuerier, name string) (taken bool, err error) {
	err = db.QueryRow(ctx, nameIsTaken, pgx.NamedArgs{"name": name}).Scan(&taken)
	return taken, err
}

func keepAsTaken(name string, err error) error {
	if err != nil {
		return fmt.Errorf("look whether %s is in the tables: %w", name, err)
	}
	return usagef("--keep-as %s: the tables have rows of that topic already: choose another name", name)
}
