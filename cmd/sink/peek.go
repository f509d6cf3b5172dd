package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"ridesink/internal/partlog"
	"ridesink/internal/serde"
	"ridesink/internal/servers"
	"ridesink/schema"
)

// peekCmd is `sink peek`: what is in a topic, and what would become of it. It is the poll loop of the sink without everything around it.
type peekCmd struct {
	kafkaOptions
	formatOptions
	Topic         string        `arg:"" optional:"" default:"rides" env:"KAFKA_TOPICS" help:"The topic."`
	Partitions    []int32       `name:"partition" sep:"," placeholder:"N" help:"Only these partitions."`
	Offset        *int64        `name:"offset" placeholder:"OFFSET" xor:"from" help:"Begin at this offset of each partition."`
	From          string        `name:"from" placeholder:"WHERE" xor:"from" help:"Begin at the earliest or the latest record, or at the first as late as an RFC 3339 time. Default: earliest."`
	Limit         int           `name:"limit" short:"n" default:"10" placeholder:"N" help:"Stop after so many records; 0 is no limit."`
	PollTimeout   time.Duration `name:"poll-timeout" default:"2s" placeholder:"DURATION" help:"Stop when nothing has come for so long; 0 waits for ever."`
	MaxBatchBytes int           `name:"max-batch-bytes" env:"SINK_MAX_BATCH_BYTES" default:"${max_batch_bytes}" placeholder:"N" help:"Largest record batch that is read, compressed or not."`
}

// Help is shown by sink peek --help.
func (*peekCmd) Help() string {
	return `Prints committed records as JSON lines: where each is, its key, and what the sink would do with it: insert (with the ride by its columns), dead_letter (with
the reason and the value), or tombstone. It joins no group, moves no position and writes nothing. Bytes that are no UTF-8 text are
printed as base64, under key_base64 or value_base64; a key in a schema registry's wire format is key_json, too.

Examples:
  sink peek rides --limit 3
  sink peek rides --partition 2 --offset 4200
  sink peek rides --from 2020-07-01T00:00:00Z --limit 0 | jq 'select(.outcome != "insert")'`
}

// Run prints until the limit, the timeout or a signal.
func (c *peekCmd) Run(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	from, err := c.start()
	if err != nil {
		return usageError(err)
	}
	formats, err := c.formats(ctx)
	if err != nil {
		return err
	}
	cfg, err := c.kafkaConfig("ridesink-peek", log)
	if err != nil {
		return err
	}
	cfg.Topics, cfg.MaxBatchBytes = []string{c.Topic}, c.MaxBatchBytes
	kafka, err := servers.OpenKafka(cfg)
	if err != nil {
		return usageError(err)
	}
	defer kafka.Close()
	positions, err := c.positions(ctx, kafka, from)
	if err != nil {
		return explain(err)
	}
	out := bufio.NewWriter(stdout)
	if err := c.poll(ctx, kafka.Log, formats.NewDecoder(), positions, out); err != nil && ctx.Err() == nil {
		return errors.Join(explain(err), out.Flush())
	}
	return out.Flush()
}

// start reads --from; zero values are the earliest.
func (c *peekCmd) start() (at time.Time, err error) {
	if c.Limit < 0 || c.PollTimeout < 0 || c.Offset != nil && *c.Offset < 0 {
		return at, errors.New("--limit, --poll-timeout and --offset must not be negative")
	}
	if c.From == "" || c.From == "earliest" || c.From == "latest" {
		return at, nil
	}
	if at, err = time.Parse(time.RFC3339, c.From); err != nil {
		return at, fmt.Errorf("--from is %q: it must be earliest, latest, or a time such as 2020-07-01T00:00:00Z", c.From)
	}
	return at, nil
}

// positions returns where to begin, by partition.
func (c *peekCmd) positions(ctx context.Context, kafka *servers.Kafka, from time.Time) (map[int32]int64, error) {
	topics, err := kafka.CheckTopics(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	if err := kafka.CheckReadable(ctx, topics); err != nil {
		return nil, err
	}
	numbers := make([]int32, 0, len(topics[0].Partitions))
	for _, p := range topics[0].Partitions {
		if len(c.Partitions) == 0 || slices.Contains(c.Partitions, p.Number) {
			numbers = append(numbers, p.Number)
		}
	}
	for _, p := range c.Partitions {
		if !slices.Contains(numbers, p) {
			return nil, usageError(fmt.Errorf("--partition %d: topic %s has partitions 0 to %d", p, c.Topic, len(topics[0].Partitions)-1))
		}
	}
	bounds, err := kafka.Log.Bounds(ctx, c.Topic, numbers...)
	if err != nil {
		return nil, fmt.Errorf("ask for the offsets of %s: %w", c.Topic, err)
	}
	positions := map[int32]int64{}
	for number, b := range bounds {
		switch {
		case c.Offset != nil:
			positions[number] = *c.Offset
		case c.From == "", c.From == "earliest":
			positions[number] = b.LogStart
		case c.From == "latest":
			positions[number] = b.LastStable
		default:
			at, found, err := kafka.Log.OffsetAt(ctx, c.Topic, number, from)
			if err != nil {
				return nil, fmt.Errorf("ask for the offset of %s/%d at %s: %w", c.Topic, number, c.From, err)
			}
			if positions[number] = b.LastStable; found {
				positions[number] = at
			}
		}
	}
	return positions, nil
}

// poll asks the partitions by turns, and prints what they have, until there were enough records or nothing has come for --poll-timeout.
func (c *peekCmd) poll(ctx context.Context, log *partlog.Log, decoder *serde.Decoder, positions map[int32]int64, out *bufio.Writer) error {
	const idleWait = 200 * time.Millisecond // at a partition that has nothing
	partitions := make([]int32, 0, len(positions))
	for number := range positions {
		partitions = append(partitions, number)
	}
	slices.Sort(partitions)
	printed, heard := 0, time.Now()
	var fetched *partlog.Fetched
	for c.PollTimeout == 0 || time.Since(heard) < c.PollTimeout {
		for _, partition := range partitions {
			var err error
			fetched, err = log.Partition(c.Topic, partition).Fetch(ctx, positions[partition], partlog.FetchOptions{
				MaxBytes: 1 << 20, BufferBytes: c.MaxBatchBytes, MaxWait: idleWait / time.Duration(len(partitions)),
			}, fetched)
			if err != nil {
				return err
			}
			var r partlog.Record
			for fetched.Record(&r) {
				if err := c.print(ctx, out, decoder, partition, &r); err != nil {
					return err
				}
				heard = time.Now()
				if printed++; printed == c.Limit {
					return nil
				}
			}
			if err := fetched.Err(); err != nil {
				return err
			}
			positions[partition] = fetched.Position()
		}
		if err := out.Flush(); err != nil { // whoever watches sees what there is
			return fmt.Errorf("print records: %w", err)
		}
	}
	return nil
}

// peeked is a line.
type peeked struct {
	Topic       string          `json:"topic"`
	Partition   int32           `json:"partition"`
	Offset      int64           `json:"offset"`
	Timestamp   string          `json:"timestamp,omitempty"`
	Key         *string         `json:"key,omitempty"`
	KeyBase64   []byte          `json:"key_base64,omitempty"`
	KeyJSON     json.RawMessage `json:"key_json,omitempty"` // of a key in a schema registry's wire format
	Outcome     string          `json:"outcome"`            // insert, dead_letter, tombstone
	Ride        json.RawMessage `json:"ride,omitempty"`
	Reason      schema.Reason   `json:"reason,omitempty"`
	Error       string          `json:"error,omitempty"`
	Value       *string         `json:"value,omitempty"`
	ValueBase64 []byte          `json:"value_base64,omitempty"`
}

func (c *peekCmd) print(ctx context.Context, out io.Writer, decoder *serde.Decoder, partition int32, r *partlog.Record) error {
	line := peeked{Topic: c.Topic, Partition: partition, Offset: r.Offset}
	if r.Timestamp >= 0 {
		line.Timestamp = time.UnixMilli(r.Timestamp).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	line.Key, line.KeyBase64 = textOrBytes(r.Key)
	line.KeyJSON = decoder.Shown(ctx, r.Key)
	if r.Value == nil {
		line.Outcome = "tombstone"
	} else if ride, err := decoder.Ride(ctx, r.Value); err == nil {
		line.Outcome, line.Ride = "insert", ride.AppendColumns(nil)
	} else {
		var bad *schema.DecodeError
		if !errors.As(err, &bad) {
			return err
		}
		line.Outcome, line.Reason, line.Error = "dead_letter", bad.Reason, bad.Error()
		line.Value, line.ValueBase64 = textOrBytes(r.Value)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(line)
}

// textOrBytes is b as text where it is some, else as bytes; neither for null.
func textOrBytes(b []byte) (*string, []byte) {
	switch {
	case b == nil:
		return nil, nil
	case utf8.Valid(b):
		text := string(b)
		return &text, nil
	}
	return nil, b
}
