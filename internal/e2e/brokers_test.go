package e2e

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
)

// brokers_test.go: brokers that are killed, and leaders that change, under a backfill.

// TestBrokersRestarted holds: while each broker in turn is killed with -9, or ended in order, and started again, one backfill process goes on
// and finishes.
func TestBrokersRestarted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario  string
		nodes     int
		end       func(k *localenv.Kafka, node int)
		fullOnly  bool
		perSecond int64 // what the relay lets through, so that the backfill outlasts the restarts
	}{
		{scenario: "the only broker, killed", nodes: 1, end: (*localenv.Kafka).Kill, perSecond: 1 << 20},
		{scenario: "three brokers one after the other, killed", nodes: 3, end: (*localenv.Kafka).Kill, fullOnly: true, perSecond: 64 << 10},
		{scenario: "three brokers one after the other, ended in order", nodes: 3, end: (*localenv.Kafka).Terminate, fullOnly: true, perSecond: 64 << 10},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			if test.fullOnly && !full() {
				t.Skip("runs with TEST_FULL=1 only")
			}
			s := newScene(t, 1) // for its schema
			kafka, err := localenv.StartKafka(t.Context(), localenv.KafkaOptions{Nodes: test.nodes})
			if err != nil {
				t.Fatalf("start Kafka: %v", err)
			}
			t.Cleanup(func() {
				if err := kafka.Stop(); err != nil {
					t.Errorf("stop Kafka: %v", err)
				}
			})
			s.brokers = kafka.Brokers()
			if _, err := kadm.NewClient(newClient(t, s.brokers)).CreateTopic(t.Context(), 4, -1, nil, s.topic()); err != nil {
				t.Fatalf("create the topic: %v", err)
			}
			s.waitForPartitions(4)
			keepForever(t, s.brokers, s.topic())
			records := recordsOf(t, s.topic(), 4, madeRides(random(t), 60_000), writeMixed)
			client := newClient(t, s.brokers, kgo.ProducerBatchMaxBytes(100_000))
			publish(t, client, records)
			client.Close()

			relay := startRelay(t, s.url, nil, test.perSecond)
			p := s.through(relay.url(s.url)).backfill("--memory-bytes=4194304")
			conn := s.connect()
			eventually(t, time.Minute, "the first rides", func() (bool, string) {
				return s.countRides(conn) > 0, "none yet"
			})
			for node := range test.nodes {
				test.end(kafka, node)
				if err := kafka.Start(t.Context(), node); err != nil {
					t.Fatalf("start Kafka again: %v", err)
				}
			}
			if !p.running() {
				t.Fatalf("the backfill was over, with exit code %d, before the brokers were back", p.code)
			}
			back, position := time.Now(), s.position(conn)
			p.wantExit(0, 3*time.Minute)
			t.Logf("%d offsets in %.1f s after the last broker was back", s.position(conn)-position, time.Since(back).Seconds())
			summaryOf(t, p)
			checkLog(t, s.brokers, records, s.topic())
			s.checkStored(records)
			s.checkAtEnd(t)
		})
	}
}
