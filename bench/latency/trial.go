package latency

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// trial.go: one case, from an empty topic and an empty schema to the numbers.

// patience bounds what should take a moment: a sink that starts, the last rides that arrive.
const patience = 60 * time.Second

// trial is a topic and a schema of its own, and the sink between them.
type trial struct {
	o          Options
	topic      string // also the group and the schema
	partitions int
	database   string // the URL, with the schema in it
	conn       *pgx.Conn
	kafka      *kgo.Client
	servers    servers
	program    *program // nil: no sink runs
}

// openTrial makes topics and schema. The caller closes the trial, also when this fails.
func openTrial(ctx context.Context, o Options, partitions int) (*trial, error) {
	t := &trial{o: o, topic: "latency_" + strings.ToLower(rand.Text()[:12]), partitions: partitions}
	u, err := url.Parse(o.DatabaseURL)
	if err != nil || u.Scheme == "" {
		return t, errors.New("write the database as a URL: postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	query := u.Query()
	query.Set("search_path", t.topic)
	query.Set("application_name", "latency")
	u.RawQuery = query.Encode()
	t.database = u.String()
	if t.conn, err = pgx.Connect(ctx, t.database); err != nil {
		return t, err
	}
	if _, err = t.conn.Exec(ctx, "CREATE SCHEMA "+t.schema()); err != nil {
		return t, fmt.Errorf("create the schema: %w", err)
	}
	t.kafka, err = kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(clientLinger), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(1<<20))
	if err != nil {
		return t, fmt.Errorf("make a Kafka client: %w", err)
	}
	made, err := kadm.NewClient(t.kafka).CreateTopics(ctx, int32(partitions), -1, nil, t.topic, t.baseline())
	if err = errors.Join(err, made.Error()); err != nil {
		return t, fmt.Errorf("create the topics: %w", err)
	}
	if err := t.awaitLeaders(ctx); err != nil {
		return t, err
	}
	t.servers, err = findServers(ctx, t.conn, o.Brokers)
	return t, err
}

// awaitLeaders returns when every partition's leader answers for it: a topic is announced before that, and its leaders too.
func (t *trial) awaitLeaders(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ends, err := kadm.NewClient(t.kafka).ListEndOffsets(ctx, t.topic, t.baseline())
		ready := 0
		ends.Each(func(end kadm.ListedOffset) {
			if end.Err == nil {
				ready++
			}
		})
		if err == nil && ready == 2*t.partitions {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d partitions have a leader that answers: %w", ready, 2*t.partitions, errors.Join(err, context.Cause(ctx)))
		}
	}
}

func (t *trial) schema() string { return pgx.Identifier{t.topic}.Sanitize() }

// baseline is a topic that no sink reads.
func (t *trial) baseline() string { return t.topic + "-baseline" }

// close removes what was made. It works after ctx has ended too.
func (t *trial) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := t.stopSink(ctx)
	if t.kafka != nil {
		_, gone := kadm.NewClient(t.kafka).DeleteTopics(ctx, t.topic, t.baseline())
		err = errors.Join(err, gone)
		t.kafka.Close()
	}
	if t.conn == nil {
		return err
	}
	conn := t.conn
	if conn.IsClosed() { // a context that ended in the middle of a statement closes it
		again, failed := pgx.Connect(ctx, t.database)
		if failed != nil {
			return errors.Join(err, failed)
		}
		conn = again
	}
	_, failed := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+t.schema()+" CASCADE")
	return errors.Join(err, failed, conn.Close(ctx))
}

// startSink returns when every partition has its row in the ledger, which is made before the first fetch.
func (t *trial) startSink(ctx context.Context) (err error) {
	if t.program, err = startProgram(ctx, t.o, t.topic, t.database); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, err := ledgerRows(ctx, t.conn, t.topic)
		if err == nil && rows == t.partitions {
			return nil
		}
		select {
		case <-tick.C:
		case <-t.program.exited:
			return fmt.Errorf("the sink ended by itself: %w", t.program.ended())
		case <-ctx.Done():
			return fmt.Errorf("the sink has taken %d of %d partitions: %w", rows, t.partitions, errors.Join(err, context.Cause(ctx)))
		}
	}
}

func (t *trial) stopSink(ctx context.Context) error {
	if t.program == nil {
		return nil
	}
	p := t.program
	t.program = nil
	return p.stop(ctx)
}

// measure runs one case.
func measure(ctx context.Context, o Options, c Case) (result Result, err error) {
	t, err := openTrial(ctx, o, c.Partitions)
	defer func() { err = errors.Join(err, t.close(ctx)) }()
	if err != nil {
		return result, err
	}
	if err := t.startSink(ctx); err != nil {
		return result, err
	}
	s, err := newSender(t.kafka, t.topic, c, o)
	if err != nil {
		return result, err
	}
	poller := newPoller(t.conn, t.topic, s, o.Interval)
	usage, err := t.load(ctx, s, func(ctx context.Context) error { return poller.until(ctx, s.finished) }, true)
	if err != nil {
		return result, err
	}
	if err := checkStored(ctx, t.conn, t.topic, s.sent()); err != nil {
		return result, err
	}
	if err := t.stopSink(ctx); err != nil {
		return result, err
	}
	result = Result{Rate: c.Rate, Partitions: c.Partitions, Sent: len(poller.latencies), SlowestSend: milliseconds(s.slowest), Usage: usage}
	result.P50, result.P90, result.P99, result.Max = spread(poller.latencies)
	if result.Sent != s.counted {
		return result, fmt.Errorf("%d rides were sent in the measured time, and %d latencies seen: the measurement is wrong", s.counted, result.Sent)
	}

	if s, err = newSender(t.kafka, t.baseline(), c, o); err != nil {
		return result, err
	}
	poller = newPoller(t.conn, t.topic, nil, o.Interval)
	result.Baseline, err = t.load(ctx, s, func(ctx context.Context) error { return poller.while(ctx, s.finished) }, false)
	return result, err
}

// load sends, polls and returns what was used in the time that counts.
func (t *trial) load(ctx context.Context, s *sender, poll func(context.Context) error, stored bool) (usage Usage, err error) {
	together, ctx := errgroup.WithContext(ctx)
	s.begin()
	together.Go(func() error { return s.run(ctx) })
	together.Go(func() error { return poll(ctx) })
	together.Go(func() error {
		if stored {
			if err := sleepUntil(ctx, s.start.Add(t.o.Warmup/2)); err != nil {
				return err
			}
			if err := checkSnapshot(ctx, t.database, t.topic); err != nil {
				return err
			}
		}
		usage, err = t.usage(ctx, s.first, s.end)
		return err
	})
	if t.program != nil {
		together.Go(func() error {
			select {
			case <-t.program.exited:
				return fmt.Errorf("the sink ended by itself: %w", t.program.ended())
			case <-s.over:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}
	return usage, together.Wait()
}

// idle runs a sink on a topic that gets nothing.
func idle(ctx context.Context, o Options) (usage Usage, err error) {
	t, err := openTrial(ctx, o, o.Idle)
	defer func() { err = errors.Join(err, t.close(ctx)) }()
	if err != nil {
		return usage, err
	}
	if err := t.startSink(ctx); err != nil {
		return usage, err
	}
	first := time.Now().Add(o.Warmup)
	return t.usage(ctx, first, first.Add(o.Duration))
}

// sleepUntil returns an error if ctx ends earlier.
func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
