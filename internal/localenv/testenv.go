package localenv

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// testenv.go is what tests call: a schema and a topic of their own, on servers that they share (shared.go).

// helpPatience bounds what is done for a test before and after it.
const helpPatience = time.Minute

// Database returns the URL of a database in which a schema of t's own is the search_path. The schema is dropped when t ends, or kept and named
// when t failed. The server is the one of TEST_DATABASE_URL, else one that is started once for the process.
func Database(t testing.TB) string {
	t.Helper()
	base, err := shared.database()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme == "" {
		t.Fatalf("%s is not a URL such as postgres://postgres:postgres@localhost:5432/postgres", DatabaseVariable)
	}
	schema := uniqueName(t, "_")
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	if err := execute(t, base, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
		t.Fatalf("create schema %s: %v", schema, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the schema is kept, for as long as the server lives: %s", u.Redacted())
			return
		}
		if err := execute(t, base, "DROP SCHEMA "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
			t.Errorf("drop schema %s: %v", schema, err)
		}
	})
	return u.String()
}

// execute runs one statement on a connection of its own. It works in a Cleanup too, where t.Context is over.
func execute(t testing.TB, databaseURL, sql string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), helpPatience)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// Brokers returns the addresses of a real Kafka: those of TEST_KAFKA_BROKERS, else one that is started once for the process. Without Java it
// skips t, or fails it if CI=true.
func Brokers(t testing.TB) []string {
	t.Helper()
	brokers, err := shared.brokers()
	if errors.Is(err, ErrNoJava) && !InCI() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return brokers
}

// Topic makes a topic of t's own on the Kafka of Brokers and returns its name when every partition has a leader. It is deleted when t ends, or
// kept and named when t failed.
func Topic(t testing.TB, partitions int) string {
	t.Helper()
	name := uniqueName(t, "-")
	err := administer(t, func(ctx context.Context, admin *kadm.Client) error {
		_, err := admin.CreateTopic(ctx, int32(partitions), -1, nil, name)
		return err
	})
	if err == nil {
		err = awaitTopic(t, name, hasLeaders(partitions))
	}
	if err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the topic is kept, for as long as the brokers live: %s", name)
			return
		}
		err := administer(t, func(ctx context.Context, admin *kadm.Client) error {
			_, err := admin.DeleteTopic(ctx, name)
			return err
		})
		if err != nil {
			t.Errorf("delete topic %s: %v", name, err)
		}
	})
	return name
}

// SchemaRegistry returns the URL of a real Schema Registry that is started once for the process. What is registered stays: t's subjects should
// have t's topic in their names. Without Java it skips t, or fails it if CI=true.
func SchemaRegistry(t testing.TB) string {
	t.Helper()
	url, err := shared.schemas()
	if errors.Is(err, ErrNoJava) && !InCI() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// administer calls do with a client of its own, which leaves no goroutine behind. It works in a Cleanup too.
func administer(t testing.TB, do func(context.Context, *kadm.Client) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), helpPatience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(Brokers(t)...))
	if err != nil {
		return err
	}
	defer client.Close()
	return do(ctx, kadm.NewClient(client))
}

// awaitTopic returns when ready says that a topic is as it should be. ready gets nil if the topic is not there.
func awaitTopic(t testing.TB, topic string, ready func(*kadm.TopicDetail) error) error {
	t.Helper()
	late := time.Now().Add(helpPatience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := administer(t, func(ctx context.Context, admin *kadm.Client) error { // a new client each time: they keep what they were told
			topics, err := admin.ListTopics(ctx)
			if err != nil {
				return err
			}
			if found, ok := topics[topic]; ok {
				return ready(&found)
			}
			return ready(nil)
		})
		if err == nil || time.Now().After(late) {
			return err
		}
		<-tick.C
	}
}

// hasLeaders says whether every partition of a new topic has a leader.
func hasLeaders(partitions int) func(*kadm.TopicDetail) error {
	return func(topic *kadm.TopicDetail) error {
		led := 0
		if topic != nil {
			for _, p := range topic.Partitions {
				if p.Err == nil && p.Leader >= 0 {
					led++
				}
			}
		}
		if led < partitions {
			return fmt.Errorf("%d of %d partitions have a leader", led, partitions)
		}
		return nil
	}
}

// uniqueName is a name for something of t's, allowed as a schema and as a topic: at most 63 characters, with t's own name in front.
func uniqueName(t testing.TB, separator string) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return rune(separator[0])
	}, t.Name())
	return name[:min(len(name), 50)] + separator + hex.EncodeToString(random[:])
}

// Main is for TestMain: it runs the tests, ends the servers that Database, Brokers and SchemaRegistry started, and fails if a goroutine is left.
//
//	func TestMain(m *testing.M) { os.Exit(localenv.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "localenv:", err)
		code = max(code, 1)
	}
	if code != 0 {
		return code // goroutines of a test that gave up say nothing
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "localenv: goroutines are left after the tests:", err)
		return 1
	}
	return 0
}
