package e2e

import (
	"fmt"
	"testing"
)

// reset_topics_test.go: resets of several topics at once, and of a topic that was made again with more partitions.

// TestResetTopicsInAnyOrder holds: in a database that sorts names in another order than bytes, each topic gets its own counts.
func TestResetTopicsInAnyOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	base := s.topic()
	s.topics = []string{base + "B", base + "a"}
	if answers, err := admin(t, s.brokers).CreateTopics(t.Context(), 1, 1, nil, s.topics...); err != nil || answers.Error() != nil {
		t.Fatalf("create topics: %v, %v", err, answers.Error())
	}
	keepForever(t, s.brokers, s.topics...)
	s.exec("DROP VIEW sink_status") // PostgreSQL changes no column that a view shows
	s.exec(`ALTER TABLE sink_ledger ALTER COLUMN kafka_topic TYPE text COLLATE "en-x-icu"`)
	conn := s.connect()
	if first := value[string](t, conn, `SELECT min(v COLLATE "en-x-icu") FROM unnest($1::text[]) AS v`, s.topics); first != base+"a" {
		t.Fatalf("%s comes first in the order of English", first)
	}
	var records []sent
	for i, topic := range s.topics {
		records = append(records, recordsOf(t, topic, 1, madeRides(random(t), 100+50*i), writeMixed)...)
	}
	s.publish(records)
	s.backfilled(0)
	// Without topic ids, as older brokers have none, only the names tell the rows apart.
	for _, ids := range []string{"as they are", "unknown"} {
		if ids == "unknown" {
			s.exec("UPDATE sink_ledger SET topic_id = NULL")
		}
		s.reset(0, "--to", "30", "--yes")
		s.checkSums(conn)
		for at, row := range s.ledger(conn) {
			if row.next != 30 || row.Inserted != 30 {
				t.Errorf("topic ids %s: %s is %s, want it at 30, with 30 rides", ids, at.topic, row)
			}
		}
		s.backfilled(0)
		s.checkRides(conn, records)
		s.checkSums(conn)
	}
}

// TestResetRecreatedLarger holds: a topic is made again with more partitions, and a sink begins with the additional ones before anybody resets: those
// stay as they are, each record once, and the others begin with the new topic.
func TestResetRecreatedLarger(t *testing.T) {
	t.Parallel()
	for _, keepAs := range []string{"", "old"} {
		t.Run(fmt.Sprintf("keep as %q", keepAs), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			s.publishRides(200, 2, writeTLC)
			s.backfilled(0)
			s.makeAgain(4)
			s.waitForPartitions(4)
			records := s.publishRides(400, 4, writeTLC)
			s.backfilled(1)
			conn := s.connect()
			if n := value[int](t, conn, "SELECT count(*)::int FROM rides WHERE kafka_partition >= 2"); n != 200 {
				t.Fatalf("%d rides of the additional partitions are stored before the reset, want 200", n)
			}
			flags := []string{"--recreated", "--yes"}
			if keepAs != "" {
				flags = append(flags, "--keep-as", keepAs)
			}
			s.reset(0, flags...)
			s.checkSums(conn)
			if n := value[int](t, conn, "SELECT count(*)::int FROM rides WHERE kafka_topic = $1", s.topic()); n != 200 {
				t.Errorf("%d rides of the topic are left, want the 200 of the additional partitions", n)
			}
			s.backfilled(0)
			s.checkSums(conn)
			s.verified(0)
			if n := value[int](t, conn, "SELECT count(*)::int FROM rides WHERE kafka_topic = 'old'"); keepAs != "" && n != 200 {
				t.Errorf("%d rides are kept, want 200", n)
			}
			s.exec("DELETE FROM rides WHERE kafka_topic = 'old'; DELETE FROM sink_ledger WHERE kafka_topic = 'old'")
			s.checkStored(records)
		})
	}
}
