package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ridesink/internal/localenv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// real_rides_test.go: real rides in every dialect and under every codec arrive in PostgreSQL value by value, and only once.

// TestRealRides holds: each value of each ride in PostgreSQL is that of the CSV file, whatever the dialect and the codec; a second
// backfill stores nothing and exits 0; Kafka was told the end.
func TestRealRides(t *testing.T) {
	t.Parallel()
	rides := realRides(t)
	for _, version := range []string{"15", "18"} {
		t.Run("PostgreSQL "+version, func(t *testing.T) {
			t.Parallel()
			newDatabase := databasesOf(t, version)
			for _, d := range dialects() {
				t.Run("dialect "+d.letter+": "+d.means, func(t *testing.T) {
					t.Parallel()
					s := newSceneOn(t, newDatabase(t, "dialect_"+strings.ToLower(d.letter)), 4)
					s.storeTwice(s.publishInEachCodec(rides, d.write))
				})
			}
			t.Run("all dialects in one topic, and the topics of all dialects in one process", func(t *testing.T) {
				t.Parallel()
				s := newSceneOn(t, newDatabase(t, "dialects"), 4, 4, 4)
				var records []sent
				mixed, java, frame := s, s, s
				mixed.topics, java.topics, frame.topics = s.topics[:1], s.topics[1:2], s.topics[2:]
				records = append(records, mixed.publishInEachCodec(rides, writeMixed)...)
				records = append(records, java.publishInEachCodec(rides, writeJava)...)
				records = append(records, frame.publishInEachCodec(rides, writeGreenFrame)...)
				s.storeTwice(records)
			})
		})
	}
}

// publishInEachCodec publishes the rides once in each codec over four partitions.
func (s scene) publishInEachCodec(rides []ride, write writer) []sent {
	s.t.Helper()
	var all []sent
	for _, name := range []string{"gzip", "snappy", "lz4", "zstd"} {
		client := newClient(s.t, s.brokers, kgo.ProducerBatchCompression(codecs()[name]))
		records := recordsOf(s.t, s.topic(), 4, rides, write)
		publish(s.t, client, records)
		client.Close()
		all = append(all, records...)
	}
	return all
}

// storeTwice backfills, compares everything, backfills again and makes sure that nothing changed.
func (s scene) storeTwice(records []sent) {
	s.t.Helper()
	checkLog(s.t, s.brokers, records, s.topics...)
	first := s.backfilled(0)
	if want := (counts{Inserted: int64(len(records))}); first.Totals != want || first.ThisRun != want {
		s.t.Errorf("the first backfill's totals are %+v, this run %+v; want %+v in both", first.Totals, first.ThisRun, want)
	}
	for range 2 {
		s.checkStored(records)
		s.checkAtEnd(s.t)
		s.checkCommits(s.connect(), true)
		if s.t.Failed() {
			return
		}
		if again := s.backfilled(0); again.ThisRun != (counts{}) || again.Totals != first.Totals {
			s.t.Errorf("another backfill stored %+v, its totals are %+v; want nothing, and %+v", again.ThisRun, again.Totals, first.Totals)
		}
	}
}

// databasesOf returns a function that makes schemas on a PostgreSQL of this version: the server that all tests share if it is of that
// version, else one of t's own.
func databasesOf(t *testing.T, version string) func(t testing.TB, schema string) string {
	t.Helper()
	shared := connect(t, localenv.Database(t))
	if major := value[int](t, shared, "SELECT current_setting('server_version_num')::int / 10000"); fmt.Sprint(major) == version {
		return func(t testing.TB, _ string) string { return localenv.Database(t) }
	}
	server, err := localenv.StartPostgres(t.Context(), localenv.PostgresOptions{Version: version})
	if err != nil {
		t.Fatalf("start PostgreSQL %s: %v", version, err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop PostgreSQL %s: %v", version, err)
		}
	})
	got := value[int](t, connect(t, server.URL()), "SELECT current_setting('server_version_num')::int / 10000")
	if fmt.Sprint(got) != version {
		t.Fatalf("asked for PostgreSQL %s, got %d", version, got)
	}
	return func(t testing.TB, schema string) string { return withSchema(t, server.URL(), schema) }
}

// TestMigrateFlag: a backfill with --migrate makes its tables itself.
func TestMigrateFlag(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.start("migrate", "down", "--all").wantExit(0, 30*time.Second)
	records := s.publishRides(10, 1, writeMixed)
	s.backfilled(0, "--migrate")
	s.checkStored(records)
}
