package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
	"ridesink/schema"
)

// verify.go: the way of a verification: one snapshot of the database; then, topic by topic and partition by partition, both sides at once.

// keptDifferences is how many differences a report shows.
const keptDifferences = 20

// Connections is how many connections Run needs of its pool.
const Connections = 2

// Config says what to look at.
type Config struct {
	Topics     []string
	Partitions []Place // none for all
	From, To   int64   // offsets of each partition, half-open; To is -1 for the ledger's positions
	Share      float64 // of all offsets, 0 or 1 for all
	Seed       uint64  // chooses the share
	// MaxBatchBytes is the largest record batch that is opened. A larger one cannot be read, and is a difference.
	MaxBatchBytes int
}

// Progress is how far a verification is.
type Progress struct {
	Done, Total int64 // offsets
	Partitions  int   // still to be finished
}

// Run compares and returns what it found; differences are no errors. It changes nothing, and a sink may go on writing meanwhile: it sees the database
// as it was when it began. progress, if not nil, is called as pieces of the log are done. Errors are those of servers, *servers.EnvironmentError
// if they are not as expected, and usage errors (IsUsage).
func Run(ctx context.Context, db *pgxpool.Pool, k *servers.Kafka, cfg Config, progress func(Progress)) (*Report, error) {
	began := time.Now()
	snapshot, err := openSnapshot(ctx, db, cfg.Topics)
	if err != nil {
		return nil, err
	}
	defer snapshot.close(ctx)
	topics, err := k.CheckTopics(ctx, cfg.Topics...) // after the snapshot: all that the ledger covers is in Kafka by now
	if err != nil {
		return nil, err
	}
	if err := k.CheckReadable(ctx, topics); err != nil {
		return nil, err
	}
	v := &verification{cfg: cfg, kafka: k, snapshot: snapshot, selection: newSelection(cfg), progress: progress}
	v.report = &Report{Topics: cfg.Topics, From: cfg.From, To: cfg.To, Share: 1, Seed: cfg.Seed, Differences: []Difference{}, Notes: []string{}}
	if v.selection.sampled() {
		v.report.Share = cfg.Share
	}
	if err := v.plan(); err != nil {
		return nil, err
	}
	for _, topic := range topics {
		if err := v.topic(ctx, topic); err != nil {
			return nil, err
		}
	}
	v.report.TookSeconds = time.Since(began).Seconds()
	v.report.conclude()
	return v.report, v.found()
}

// IsUsage reports whether err says that what was asked for cannot be meant.
func IsUsage(err error) bool { return errors.Is(err, errEmptySample) }

// verification is one Run.
type verification struct {
	cfg       Config
	kafka     *servers.Kafka
	snapshot  *snapshot
	selection *selection
	report    *Report
	progress  func(Progress)
	now       Progress
}

// plan counts what there is to look at. A small share of little is a block, not nothing.
func (v *verification) plan() error {
	v.count()
	if v.now.Total == 0 && v.selection.sampled() {
		least := int64(modulus)
		for place, row := range v.snapshot.ledger {
			if v.selection.place(place) {
				least = min(least, v.selection.least(place.Partition, row.first, row.next))
			}
		}
		v.selection.threshold = max(v.selection.threshold, least)
		v.count()
	}
	if v.selection.bounded() && v.now.Total == 0 && len(v.snapshot.ledger) > 0 {
		return errEmptySample
	}
	return nil
}

func (v *verification) count() {
	v.now = Progress{}
	for place, row := range v.snapshot.ledger {
		if v.selection.place(place) {
			v.now.Total += v.selection.count(place.Partition, row.first, row.next)
			v.now.Partitions++
		}
	}
}

// found returns an error if there was nothing at all to be compared.
func (v *verification) found() error {
	t := &v.report.Totals
	if len(v.snapshot.ledger) > 0 || t.faults()+t.Unprovable > 0 {
		return nil
	}
	return &servers.EnvironmentError{
		What: "nothing of " + strings.Join(v.cfg.Topics, ", ") + " was read into this database: sink_ledger has no row of it",
		Do:   "run sink backfill first, or name another --topics or --database-url (the schema is the first of its search_path)",
	}
}

// topicLog is what Kafka says of a topic.
type topicLog struct {
	partlog.Topic
	compacted bool
	bounds    map[int32]partlog.Bounds
	committed map[Place]int64 // offsets in Kafka of the groups that wrote last, as far as they are known
}

// topic compares one topic.
func (v *verification) topic(ctx context.Context, topic partlog.Topic) error {
	l, err := v.describe(ctx, topic)
	if err != nil {
		return err
	}
	rides, letters := schema.Columns(), letterColumns()
	rowStream := newTuples(len(rides), slices.Index(rides, columnPartition))
	letterStream := newTuples(len(letters), letterPartition)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return rowStream.copyTo(ctx, v.snapshot.rows.Conn().PgConn(), copyRides(topic.Name, v.selection))
	})
	g.Go(func() error {
		return letterStream.copyTo(ctx, v.snapshot.letters.Conn().PgConn(), copyDeadLetters(topic.Name, v.selection))
	})
	g.Go(func() error { return v.partitions(ctx, l, rowStream, letterStream) })
	return g.Wait()
}

// partitions compares all partitions that Kafka, the ledger, rides or sink_dead_letters know, in order.
func (v *verification) partitions(ctx context.Context, l *topicLog, rowStream, letterStream *tuples) error {
	expected := map[int32]bool{}
	for _, p := range l.Partitions {
		expected[p.Number] = true
	}
	for place := range v.snapshot.ledger {
		if place.Topic == l.Name {
			expected[place.Partition] = true
		}
	}
	numbers := slices.Sorted(maps.Keys(expected))
	numbers = slices.DeleteFunc(numbers, func(n int32) bool { return !v.selection.place(Place{Topic: l.Name, Partition: n}) })
	for {
		row, err := rowStream.peek()
		if err != nil {
			return fmt.Errorf("rides: %w", err)
		}
		letter, err := letterStream.peek()
		if err != nil {
			return fmt.Errorf("sink_dead_letters: %w", err)
		}
		next := min(row.partition, letter.partition)
		if len(numbers) > 0 && numbers[0] <= next {
			next, numbers = numbers[0], numbers[1:]
		}
		if next == endOfTuples {
			return nil
		}
		if err := v.partition(ctx, l, Place{Topic: l.Name, Partition: next}, rowStream, letterStream); err != nil {
			return err
		}
	}
}

// partition compares one partition.
func (v *verification) partition(ctx context.Context, l *topicLog, place Place, rowStream, letterStream *tuples) error {
	row, known := v.snapshot.ledger[place]
	bounds, exists := l.bounds[place.Partition]
	r := &PartitionReport{
		Topic: place.Topic, Partition: place.Partition, FirstOffset: -1, NextOffset: -1, LogStart: -1, LogEnd: -1,
		Compacted: l.compacted, Notes: []string{},
	}
	if exists {
		r.LogStart, r.LogEnd = bounds.LogStart, bounds.LastStable
	}
	c := &partitionCheck{
		place: place, report: r, tell: v.tell, ledger: row, known: known, selection: v.selection, compacted: l.compacted,
		bounds:    func(ctx context.Context) (partlog.Bounds, error) { return v.boundsOf(ctx, place) },
		rowStream: rowStream, letterStream: letterStream, rows: newRowComparison(), decoder: schema.NewDecoder(),
		logStart: bounds.LogStart, lastStored: -1,
	}
	if known {
		r.FirstOffset, r.NextOffset = row.first, row.next
		for _, loss := range v.snapshot.losses {
			if loss.place.Topic == place.Topic && (loss.place.Partition == place.Partition || loss.place.Partition < 0) {
				c.losses = append(c.losses, loss)
			}
		}
	}
	v.explain(c, l, exists)
	if err := v.read(ctx, c, l, exists); err != nil {
		return err
	}
	if err := c.drain(ctx, math.MaxInt64, stretchRead); err != nil {
		return err
	}
	c.checkCounts()
	v.report.Partitions = append(v.report.Partitions, *r)
	if known {
		v.now.Partitions--
	}
	v.show()
	return nil
}

// read walks through the partition's log.
func (v *verification) read(ctx context.Context, c *partitionCheck, l *topicLog, exists bool) error {
	if !c.known || c.ledger.first >= c.ledger.next {
		return nil
	}
	visit := func(p piece) error {
		v.now.Done += v.selection.count(c.place.Partition, p.first, min(p.next, c.ledger.next))
		v.show()
		return c.visit(ctx, p)
	}
	whole := piece{kind: stretchOther, first: c.ledger.first, next: c.ledger.next}
	none := partlog.TopicID{}
	switch {
	case !exists:
		whole.why = "Kafka has no such partition: the topic was deleted and made again with fewer"
		return visit(whole)
	case c.ledger.topicID != none && l.ID != none && c.ledger.topicID != l.ID:
		whole.why = fmt.Sprintf("the topic was deleted and made again: its id was %s and is %s", c.ledger.topicID, l.ID)
		return visit(whole)
	}
	reader := &logReader{
		reader: v.kafka.Log.Partition(c.place.Topic, c.place.Partition), place: c.place, id: c.ledger.topicID, selection: v.selection,
		most: v.cfg.MaxBatchBytes, first: c.ledger.first, next: c.ledger.next,
	}
	return reader.read(ctx, visit)
}

func (v *verification) show() {
	if v.progress != nil {
		v.progress(v.now)
	}
}

func (v *verification) tell(d Difference) {
	if len(v.report.Differences) < keptDifferences {
		v.report.Differences = append(v.report.Differences, d)
	}
}

// describe asks Kafka for what must be known of a topic.
func (v *verification) describe(ctx context.Context, topic partlog.Topic) (*topicLog, error) {
	l := &topicLog{Topic: topic}
	numbers := make([]int32, 0, len(topic.Partitions))
	for _, p := range topic.Partitions {
		numbers = append(numbers, p.Number)
	}
	err := patiently(ctx, func() (err error) {
		l.bounds, err = v.kafka.Log.Bounds(ctx, topic.Name, numbers...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the bounds of %s: %w", topic.Name, err)
	}
	l.committed = v.committedOffsets(ctx, topic.Name)
	policy, err := v.cleanupPolicy(ctx, topic.Name)
	switch {
	case err != nil:
		v.note("%s: whether it is compacted is not known, so it is taken as not compacted (%v)", topic.Name, err)
	case strings.Contains(policy, "compact"):
		l.compacted = true
		v.note("%s is compacted: a row whose record was compacted away cannot be proven any more, and is no difference", topic.Name)
	}
	return l, nil
}

// cleanupPolicy asks for a setting of a topic.
func (v *verification) cleanupPolicy(ctx context.Context, topic string) (string, error) {
	const setting = "cleanup.policy"
	response, err := v.kafka.Client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{setting}},
	}})
	if err != nil {
		return "", err
	}
	for _, resource := range response.Resources {
		if resource.Error != nil {
			return "", resource.Error
		}
		for _, entry := range resource.ConfigEntries {
			if entry.ConfigName == setting {
				return entry.ConfigValue, nil
			}
		}
	}
	return "", fmt.Errorf("the broker does not name %s", setting)
}

func (v *verification) boundsOf(ctx context.Context, place Place) (b partlog.Bounds, err error) {
	err = patiently(ctx, func() error {
		bounds, err := v.kafka.Log.Bounds(ctx, place.Topic, place.Partition)
		b = bounds[place.Partition]
		return err
	})
	if err != nil {
		return b, fmt.Errorf("ask for the bounds of %s: %w", place, err)
	}
	return b, nil
}

// patiently asks a broker again while waiting may help.
func patiently(ctx context.Context, ask func() error) error {
	began := time.Now()
	for {
		err := ask()
		if err == nil || !partlog.Retriable(err) || time.Since(began) > patience {
			return err
		}
		if err := servers.Pause(ctx, fetchPause); err != nil {
			return err
		}
	}
}

func (v *verification) note(format string, args ...any) {
	v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
}
