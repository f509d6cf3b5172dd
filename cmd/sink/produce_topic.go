package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"ridesink/internal/partlog"
	"ridesink/internal/servers"
)

// This file finds the topic that produce sends to, or creates it. produce.go calls it first.

const (
	// metadataTimeout bounds one question to the brokers.
	metadataTimeout = 8 * time.Second
	// leadersTimeout bounds the wait until every partition has a leader.
	leadersTimeout = 10 * time.Second
)

// topicAt is a topic and the way to its brokers.
type topicAt struct {
	name    string
	brokers []string
	log     *slog.Logger
	kafka   *servers.Kafka
}

// ensure returns the number of the topic's partitions once each has a leader. An absent topic is created with so many partitions, unless that
// is 0.
func (t *topicAt) ensure(ctx context.Context, partitions int) (int, error) {
	at, created := strings.Join(t.brokers, ","), false
	ctx, cancel := context.WithTimeout(ctx, leadersTimeout)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		topics, err := t.kafka.Log.Topics(ctx, t.name)
		if err != nil {
			return 0, environmentError(t.kafka.Unreachable(ctx, err))
		}
		topic := topics[0]
		switch {
		case topic.Err == nil && led(topic):
			if n := len(topic.Partitions); partitions > 0 && n != partitions {
				t.log.WarnContext(ctx, "the topic has another number of partitions; it stays as it is", "topic", t.name, "partitions", n, "asked_for", partitions)
			}
			return len(topic.Partitions), nil
		case errors.Is(topic.Err, partlog.ErrUnknownTopic) && !created:
			if partitions == 0 {
				return 0, environmentError(fmt.Errorf("topic %s does not exist at %s: add --partitions N to create it, or name another with --topic", t.name, at))
			}
			if err := t.create(ctx, partitions); err != nil {
				return 0, err
			}
			created = true
		case topic.Err != nil && !partlog.Retriable(topic.Err) && !errors.Is(topic.Err, partlog.ErrUnknownTopic):
			return 0, environmentError(fmt.Errorf("topic %s at %s: %w: check its name, and what the brokers let this user do", t.name, at, topic.Err))
		}
		select {
		case <-ctx.Done():
			return 0, environmentError(fmt.Errorf("topic %s at %s has partitions without a leader: see that all its brokers are up", t.name, at))
		case <-ticker.C:
		}
	}
}

// create creates the topic, with the brokers' own replication. That somebody else was faster is fine.
func (t *topicAt) create(ctx context.Context, partitions int) error {
	response, err := t.kafka.Client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: t.name, NumPartitions: partitions, ReplicationFactor: -1}},
	})
	if err == nil {
		err = response.Errors[t.name]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return environmentError(fmt.Errorf("topic %s does not exist and cannot be created with %d partitions: %w: create it by hand, or mend that", t.name, partitions, err))
	}
	t.log.InfoContext(ctx, "created", "topic", t.name, "partitions", partitions)
	return nil
}

// led says that the topic has partitions and each has a leader.
func led(topic partlog.Topic) bool {
	for _, p := range topic.Partitions {
		if p.Leader < 0 {
			return false
		}
	}
	return len(topic.Partitions) > 0
}
