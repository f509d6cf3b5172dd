package localenv

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestOwnSchemaAndTopic holds: two tests get two schemas and two topics on the same servers, and these are gone when the tests are.
func TestOwnSchemaAndTopic(t *testing.T) {
	t.Parallel()
	here := Database(t)
	var schema string
	t.Run("the same name/with odd Signs", func(t *testing.T) {
		there := Database(t)
		schema = mustQuery(t, there, "SELECT current_schema()::text")
		if schema == mustQuery(t, here, "SELECT current_schema()::text") {
			t.Error("both tests have schema", schema)
		}
		mustQuery(t, there, "INSERT INTO rides VALUES (1) RETURNING n::text", "CREATE TABLE rides (n int)")
		if _, err := query(t, here, "SELECT n::text FROM rides"); err == nil {
			t.Error("one test sees the table of the other")
		}
	})
	if got := mustQuery(t, here, "SELECT count(*)::text FROM pg_namespace WHERE nspname = '"+schema+"'"); got != "0" {
		t.Errorf("schema %s is still there", schema)
	}

	var topic string
	t.Run("a topic", func(t *testing.T) {
		topic = Topic(t, 3)
		topics, err := kadm.NewClient(client(t, Brokers(t))).ListTopics(t.Context(), topic)
		if err != nil || len(topics[topic].Partitions) != 3 {
			t.Errorf("%s has %d partitions (%v), want 3", topic, len(topics[topic].Partitions), err)
		}
	})
	err := awaitTopic(t, topic, func(found *kadm.TopicDetail) error {
		if found != nil {
			return errors.New("it is still there")
		}
		return nil
	})
	if err != nil {
		t.Errorf("topic %s: %v", topic, err)
	}
}

func TestUniqueName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 30)
	t.Run(long, func(t *testing.T) {
		t.Parallel()
		a, b := uniqueName(t, "_"), uniqueName(t, "_")
		if a == b || len(a) > 63 {
			t.Errorf("%q and %q: want two names of at most 63 characters", a, b)
		}
	})
}
