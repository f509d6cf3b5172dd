package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ridesink/internal/localenv"
)

// fault_brokers_test.go: three real brokers that are killed, restarted in turn, and hand their partitions to each other, under a running sink.

// brokerTrial is a sink in the middle of what its brokers go through.
type brokerTrial struct {
	scene
	kafka    *localenv.Kafka
	producer *kgo.Client
	records  []sent
}

const brokerPartitions = 6

// TestFaultBrokers holds: while brokers are killed with -9, end in order, or lose leaderships, one life of the sink goes on, and what was acknowledged
// is stored.
func TestFaultBrokers(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1) // for its schema
	kafka, err := localenv.StartKafka(t.Context(), localenv.KafkaOptions{Nodes: 3})
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		if err := kafka.Stop(); err != nil {
			t.Errorf("stop Kafka: %v", err)
		}
	})
	s.brokers = kafka.Brokers()
	if _, err := kadm.NewClient(newClient(t, s.brokers)).CreateTopic(t.Context(), brokerPartitions, 3, nil, s.topic()); err != nil {
		t.Fatalf("create the topic: %v", err)
	}
	s.waitForPartitions(brokerPartitions)
	keepForever(t, s.brokers, s.topic())
	c := &brokerTrial{scene: s, kafka: kafka, producer: newClient(t, s.brokers, kgo.ProducerBatchCompression(kgo.Lz4Compression()))}
	dice, conn := random(t), s.connect()
	feed := func(n int) {
		records := recordsOf(t, s.topic(), brokerPartitions, madeRides(dice, n), writeMixed)
		publish(t, c.producer, records)
		c.records = append(c.records, records...)
	}
	feed(200)
	p := s.run()
	s.waitForEnd(longWait)
	n := cases(5, 300)
	for played := range n {
		feed(30) // on their way while it happens
		var after time.Time
		node := dice.IntN(3)
		switch played % 10 {
		case 3:
			kafka.Kill(node)
			feed(30) // to the other two
			after = c.startAgain(node)
		case 7:
			kafka.Terminate(node)
			feed(30)
			after = c.startAgain(node)
		default:
			c.moveLeaders(dice.IntN(3))
			feed(30)
			after = time.Now()
		}
		s.waitForRecords(conn, c.records)
		progress := time.Since(after)
		s.checkCommits(conn, false)
		if !p.running() {
			t.Fatalf("the sink ended, with exit code %d, in case %d", p.code, played+1)
		}
		if played%50 == 49 {
			s.checkStored(c.records)
		}
		caseDone(t, rowBrokerCrash, 1, progress)
	}
	p.stop(t)
	checkLog(t, s.brokers, c.records, s.topic())
	s.checkStored(c.records)
	s.checkAtEnd(t)
}

func (c *brokerTrial) startAgain(node int) time.Time {
	c.t.Helper()
	if err := c.kafka.Start(c.t.Context(), node); err != nil {
		c.t.Fatalf("start broker %d again: %v", node, err)
	}
	c.inSync()
	return time.Now()
}

// inSync waits until every partition has all its replicas: a broker more may go away then.
func (c *brokerTrial) inSync() {
	c.t.Helper()
	kafka := kadm.NewClient(c.producer)
	eventually(c.t, longWait, "the replicas to be in sync", func() (bool, string) {
		topics, err := kafka.ListTopicsWithInternal(c.t.Context())
		if err != nil {
			return false, err.Error()
		}
		behind := ""
		topics.EachPartition(func(p kadm.PartitionDetail) {
			if len(p.ISR) < len(p.Replicas) {
				behind += fmt.Sprintf("%s/%d has %v of %v; ", p.Topic, p.Partition, p.ISR, p.Replicas)
			}
		})
		return behind == "", behind
	})
}

// moveLeaders makes another replica of every partition the preferred one, and elects it.
func (c *brokerTrial) moveLeaders(turn int) {
	c.t.Helper()
	kafka := kadm.NewClient(c.producer)
	var assign kadm.AlterPartitionAssignmentsReq
	for partition := range int32(brokerPartitions) {
		replicas := []int32{1, 2, 3}
		at := (turn + int(partition)) % 3
		assign.Assign(c.topic(), partition, slices.Concat(replicas[at:], replicas[:at]))
	}
	eventually(c.t, longWait, "the replicas to have another order", func() (bool, string) {
		answers, err := kafka.AlterPartitionAssignments(c.t.Context(), assign)
		if err == nil {
			err = answers.Error()
		}
		return err == nil, fmt.Sprint(err)
	})
	request := kmsg.NewPtrElectLeadersRequest() // of all partitions
	eventually(c.t, longWait, "the leaders to be elected", func() (bool, string) {
		answer, err := request.RequestWith(c.t.Context(), c.producer)
		return err == nil && answer.ErrorCode == 0, fmt.Sprint(err, answer)
	})
}

// waitForRecords waits until the positions are behind all records.
func (s scene) waitForRecords(conn *pgx.Conn, records []sent) {
	s.t.Helper()
	ends := map[place]int64{}
	for _, r := range records {
		at := place{topic: r.record.Topic, partition: r.record.Partition}
		ends[at] = max(ends[at], r.record.Offset+1)
	}
	s.waitForPositions(conn, ends)
}

// waitForPositions waits until the positions are there.
func (s scene) waitForPositions(conn *pgx.Conn, ends map[place]int64) {
	s.t.Helper()
	eventually(s.t, longWait, "positions to get there", func() (bool, string) {
		ledger, state := s.ledger(conn), ""
		for at, end := range ends {
			if row := ledger[at]; row.next < end {
				state += fmt.Sprintf("%s is %s, want %d; ", partitionName(at.topic, at.partition), row, end)
			}
		}
		return state == "", state
	})
}
