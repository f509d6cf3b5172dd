package main

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// badValues are five records that no decoder should take for a ride, each for another reason.
var badValues = []string{ //nolint:gochecknoglobals // read only
	`{"VendorID": 1, "tpep_pickup_datetime": "2020-07-01 00:25:32"`, // cut off
	`["VendorID", 1]`,                     // not an object
	`{"user": "alice", "clicked": "buy"}`, // another topic's record
	`{"VendorID": 1, "trip_distance": "far", "tpep_pickup_datetime": "2020-07-01 00:25:32"}`, // a word for a number
	`{"VendorID": 1, "tpep_pickup_datetime": "2020-07-32 00:25:32", "total_amount": 9.30}`,   // the 32nd of July
}

// produceBad sends badValues to the demo's topic.
func produceBad(ctx context.Context, broker string) error {
	w := &kafka.Writer{Addr: kafka.TCP(broker), Topic: topic, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, BatchTimeout: 10 * time.Millisecond}
	messages := make([]kafka.Message, 0, len(badValues))
	for i, value := range badValues {
		messages = append(messages, kafka.Message{Key: []byte(fmt.Sprint("bad-", i)), Value: []byte(value)})
	}
	if err := w.WriteMessages(ctx, messages...); err != nil {
		return fmt.Errorf("send bad records: %w", err)
	}
	return w.Close()
}
