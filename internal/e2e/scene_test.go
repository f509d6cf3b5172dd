package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"ridesink/internal/localenv"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// scene_test.go gives each test its own topics, group and schema, and starts sinks in them.

// scene is where one test plays.
type scene struct {
	t       testing.TB
	brokers []string
	topics  []string
	group   string
	url     string   // of the database, with a schema of this scene's own first in search_path
	more    []string // environment entries beyond those
}

// newScene makes one topic for each number of partitions given, and a migrated schema, on the servers that all tests share.
func newScene(t testing.TB, partitions ...int) scene {
	t.Helper()
	return newSceneOn(t, localenv.Database(t), partitions...)
}

// newSceneOn is newScene with another database. The URL's schema must exist.
func newSceneOn(t testing.TB, databaseURL string, partitions ...int) scene {
	t.Helper()
	s := scene{t: t, brokers: localenv.Brokers(t), url: databaseURL}
	for _, n := range partitions {
		s.topics = append(s.topics, localenv.Topic(t, n))
	}
	keepForever(t, s.brokers, s.topics...)
	s.group = "group-of-" + s.topics[0]
	s.start("migrate", "up").wantExit(0, 30*time.Second)
	return s
}

// topic is the scene's first topic.
func (s scene) topic() string { return s.topics[0] }

// through is the scene with another way to the same database.
func (s scene) through(databaseURL string) scene {
	s.url = databaseURL
	return s
}

// environment is how the scene's sinks are told where they are.
func (s scene) environment() []string {
	return append([]string{
		"KAFKA_BROKERS=" + strings.Join(s.brokers, ","),
		"KAFKA_TOPICS=" + strings.Join(s.topics, ","),
		"KAFKA_GROUP_ID=" + s.group,
		"DATABASE_URL=" + s.url,
	}, s.more...)
}

// start starts any command of the sink in the scene.
func (s scene) start(args ...string) *process {
	s.t.Helper()
	return start(s.t, s.environment(), args...)
}

// hasty are the shortest timeouts that brokers and the sink take, so that a dead member is missed soon.
func hasty() []string { return []string{"--session-timeout=7s", "--drain-timeout=1500ms"} }

// backfill starts sink backfill --json.
func (s scene) backfill(flags ...string) *process {
	s.t.Helper()
	return s.start(append(append([]string{"backfill", "--json"}, hasty()...), flags...)...)
}

// run starts sink run.
func (s scene) run(flags ...string) *process {
	s.t.Helper()
	return s.start(append(append([]string{"run"}, hasty()...), flags...)...)
}

// backfilled runs a backfill to its end, checks its exit code and returns its summary, whose sums were checked.
func (s scene) backfilled(wantExit int, flags ...string) summary {
	s.t.Helper()
	p := s.backfill(flags...)
	p.wantExit(wantExit, 2*time.Minute)
	return summaryOf(s.t, p)
}

// publish produces records with a client of the scene, compressed with lz4.
func (s scene) publish(records []sent) {
	s.t.Helper()
	client := newClient(s.t, s.brokers, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	publish(s.t, client, records)
	client.Close()
}

// publishRides makes rides and publishes a record of each, over all partitions of the first topic.
func (s scene) publishRides(n, partitions int, write writer) []sent {
	s.t.Helper()
	records := recordsOf(s.t, s.topic(), partitions, madeRides(random(s.t), n), write)
	s.publish(records)
	return records
}

// connect opens a connection to the scene's database until the end of the test.
func (s scene) connect() *pgx.Conn {
	s.t.Helper()
	return connect(s.t, s.url)
}

// withSchema makes a schema on a server that is the test's own, and returns the URL that has it in search_path. The name is in lower case.
func withSchema(t testing.TB, databaseURL, schema string) string {
	t.Helper()
	conn := connect(t, databaseURL)
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
		t.Fatalf("create schema %s: %v", schema, err)
	}
	return withParameter(t, databaseURL, "search_path", schema)
}

// withParameter sets a parameter of a connection URL.
func withParameter(t testing.TB, databaseURL, name, value string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatalf("parse the database's URL: %v", err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// withAddress sets host and port of a connection URL. Traffic is not encrypted then, so that a relay can read it.
func withAddress(t testing.TB, databaseURL, address string) string {
	t.Helper()
	u, err := url.Parse(withParameter(t, databaseURL, "sslmode", "disable"))
	if err != nil {
		t.Fatalf("parse the database's URL: %v", err)
	}
	u.Host = address
	return u.String()
}

func partitionName(topic string, partition int32) string {
	return fmt.Sprintf("%s/%d", topic, partition)
}
