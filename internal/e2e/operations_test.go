package e2e

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// operations_test.go: what docs/operations.md tells to do is done here, with its own words, to tables that a sink writes to; then sink verify proves them.

const operationsDocument = "../../docs/operations.md"

// operations are the blocks of the page by the name in the comment above each.
func operations(t testing.TB) map[string]string {
	t.Helper()
	content, err := os.ReadFile(operationsDocument)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, found := range regexp.MustCompile("(?s)<!-- test: ([a-z-]+) -->\n```(?:sql|sh)\n(.*?)```\n").FindAllStringSubmatch(string(content), -1) {
		if _, twice := blocks[found[1]]; twice {
			t.Errorf("docs/operations.md has two blocks %q", found[1])
		}
		blocks[found[1]] = found[2]
	}
	if fences := strings.Count(string(content), "```"); fences != 2*len(blocks) {
		t.Errorf("docs/operations.md has %d blocks, and %d with a comment that tests find them by", fences/2, len(blocks))
	}
	return blocks
}

// looks are the names of blocks that only look.
func looks(blocks map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(blocks)), func(name string) bool { return !strings.HasPrefix(name, "look-") })
}

// TestOperationsDocument holds: every block of the page is played by a test below, and no test plays one that is gone.
func TestOperationsDocument(t *testing.T) {
	t.Parallel()
	blocks := operations(t)
	played := append([]string{
		"add-column", "add-index", "backup", "column-from-extra", "drop-month", "month-from-default", "months-ahead", "partition-by-month", "partition-in-place",
		"required-column", "restore", "role", "verify-after-drop",
	}, looks(blocks)...)
	if have, want := slices.Sorted(maps.Keys(blocks)), slices.Sorted(slices.Values(played)); !slices.Equal(have, want) {
		t.Errorf("docs/operations.md has the blocks\n%v\nthe tests play\n%v", have, want)
	}
}

// operation does what a block of the page says, a statement at a time as psql does.
func (s scene) operation(name string) {
	s.t.Helper()
	s.statements(name, operations(s.t)[name])
}

func (s scene) statements(name, block string) {
	s.t.Helper()
	if block == "" {
		s.t.Fatalf("docs/operations.md has no block %q", name)
	}
	conn := s.connect()
	for _, statement := range statementsOf(block) {
		if _, err := conn.Exec(s.t.Context(), statement); err != nil {
			s.t.Fatalf("docs/operations.md, %s: %v\n%s", name, err, statement)
		}
	}
}

// statementsOf cuts SQL behind each line that ends with a semicolon, but not inside $$.
func statementsOf(block string) (statements []string) {
	statement := ""
	for line := range strings.Lines(block) {
		statement += line
		if strings.HasSuffix(strings.TrimSpace(line), ";") && strings.Count(statement, "$$")%2 == 0 {
			statements = append(statements, statement)
			statement = ""
		}
	}
	return statements
}

// look asks every question of the page that only looks, but those that need a partitioned table.
func (s scene) look(partitioned bool) {
	s.t.Helper()
	conn := s.connect()
	blocks := operations(s.t)
	for _, name := range looks(blocks) {
		if name == "look-default" && !partitioned {
			continue
		}
		if rows, err := conn.Query(s.t.Context(), blocks[name], pgx.QueryExecModeSimpleProtocol); err != nil {
			s.t.Errorf("docs/operations.md, %s: %v", name, err)
		} else if rows.Close(); rows.Err() != nil {
			s.t.Errorf("docs/operations.md, %s: %v", name, rows.Err())
		}
	}
}

// synthetic sends rides of February and March 2020, the months of the page.
func (s scene) synthetic(n, seed int, flags ...string) *process {
	s.t.Helper()
	return s.start(append([]string{"produce", "--topic=" + s.topic(), fmt.Sprint("--synthetic=", n), fmt.Sprint("--seed=", seed)}, flags...)...)
}

// underway has 100,000 rides stored and a sink that goes on, while more rides come for some seconds.
func (s scene) underway() (sink, producer *process) {
	s.t.Helper()
	s.synthetic(100_000, 1).wantExit(0, longWait)
	sink = s.run()
	s.waitForEnd(longWait)
	return sink, s.synthetic(4000, 2, "--rate=2000")
}

// settled waits for the producer and for the sink, and proves the tables. The sink goes on.
func (s scene) settled(producer *process) {
	s.t.Helper()
	producer.wantExit(0, longWait)
	s.waitForEnd(longWait)
	s.verified(0)
}

// stopped ends the sink and proves the tables.
func (s scene) stopped(sink *process) {
	s.t.Helper()
	sink.signal(syscall.SIGTERM)
	sink.wantExit(0, stopBound)
	s.verified(0)
}

// TestOperationsPartition holds: rides is partitioned by month under a running sink, in both ways of the page, and everything is stored; reset and
// verify work as before; months to come can be made twice; a month can be taken from the default partition, and one be dropped.
func TestOperationsPartition(t *testing.T) {
	t.Parallel()
	for _, way := range []struct{ block, february string }{{"partition-by-month", "rides_2020_02"}, {"partition-in-place", "rides_before"}} {
		t.Run(way.block, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			sink, producer := s.underway()
			s.operation(way.block)
			s.settled(producer)
			conn := s.connect()
			february := value[int64](t, conn, "SELECT count(*) FROM "+way.february)
			march := value[int64](t, conn, "SELECT count(*) FROM rides_2020_03")
			if all := s.countRides(conn); february < 80_000 || march < 1000 || february+march != all {
				t.Errorf("%d rides of February and %d of March, of %d", february, march, all)
			}
			s.operation("months-ahead")
			s.operation("months-ahead")
			months := value[int](t, conn, "SELECT count(*)::int FROM pg_inherits WHERE inhparent = 'rides'::regclass")
			if months != 13+3 { // this month and twelve more, February, March, the default
				t.Errorf("rides has %d partitions, want 16", months)
			}
			s.publishValues(`{"PULocationID": 7, "tpep_pickup_datetime": "2021-01-05 10:00:00"}`, `{"PULocationID": 8}`)
			s.waitForEnd(time.Minute)
			s.operation("month-from-default")
			if n := value[int](t, conn, "SELECT count(*)::int FROM rides_2021_01"); n != 1 {
				t.Errorf("%d rides in January 2021, want 1", n)
			}
			if n := value[int](t, conn, "SELECT count(*)::int FROM rides_default"); n != 1 {
				t.Errorf("%d rides in the default partition, want the one without a time", n)
			}
			s.reset(0, "--to", "1000", "--yes")
			s.waitForEnd(longWait)
			s.checkSums(conn)
			s.look(true)
			s.stopped(sink)
			if way.block == "partition-by-month" {
				s.dropMonth(conn)
			}
		})
	}
}

// dropMonth takes February out: verify as a whole says so, the commands that the page makes prove the rest.
func (s scene) dropMonth(conn *pgx.Conn) {
	s.t.Helper()
	s.operation("drop-month")
	s.verified(5)
	s.synthetic(1000, 3).wantExit(0, longWait)
	s.backfilled(0)
	rows, err := conn.Query(s.t.Context(), operations(s.t)["verify-after-drop"], pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		s.t.Fatal(err)
	}
	commands, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(commands) != 2 {
		s.t.Fatalf("verify-after-drop gives %v, %v, want a command for each of two partitions", commands, err)
	}
	for _, command := range commands {
		s.verified(0, strings.Fields(command)[2:]...)
	}
}

// publishValues sends records of these values into partition 0.
func (s scene) publishValues(values ...string) {
	s.t.Helper()
	client := newClient(s.t, s.brokers)
	for _, value := range values {
		if err := client.ProduceSync(s.t.Context(), &kgo.Record{Topic: s.topic(), Value: []byte(value)}).FirstErr(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestOperationsIndex holds: indexes are made under a running sink and are valid, and everything is stored.
func TestOperationsIndex(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	sink, producer := s.underway()
	s.operation("add-index")
	s.settled(producer)
	if n := value[int](t, s.connect(), "SELECT count(*)::int FROM pg_index WHERE indrelid = 'rides'::regclass AND indisvalid"); n != 2 {
		t.Errorf("%d valid indexes, want 2", n)
	}
	s.look(false)
	s.stopped(sink)
}

// TestOperationsColumns holds: columns are added under a running sink; one that fills itself has the values of old rides and new; rides that a column
// refused are stored when it has its default; and nothing of it disturbs verify.
func TestOperationsColumns(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	sink, producer := s.underway()
	s.operation("add-column")
	s.publishValues(`{"PULocationID": 7, "driver_rating": 4.5}`)
	s.settled(producer)
	s.operation("column-from-extra")
	s.publishValues(`{"PULocationID": 8, "driver_rating": "good"}`)
	s.waitForEnd(time.Minute)
	conn := s.connect()
	if got := value[string](t, conn, "SELECT string_agg(driver_rating, ' ' ORDER BY kafka_offset) FROM rides WHERE loaded_at IS NOT NULL"); got != "4.5 good" {
		t.Errorf("driver_rating has %q, want both values", got)
	}

	s.exec("ALTER TABLE rides ADD COLUMN region text DEFAULT 'old'; ALTER TABLE rides ALTER COLUMN region SET NOT NULL, ALTER COLUMN region DROP DEFAULT")
	s.synthetic(200, 3).wantExit(0, longWait)
	s.waitForEnd(time.Minute)
	if n := value[int](t, conn, "SELECT count(*)::int FROM sink_dead_letters WHERE sqlstate = '23502'"); n != 200 {
		t.Errorf("%d dead letters, want the 200 rides without a region", n)
	}
	s.look(false)
	s.operation("required-column")
	s.deadletters(0, "retry", "--reason", "rejected_by_database")
	if n := value[int](t, conn, "SELECT count(*)::int FROM rides WHERE region = 'NY'"); n != 200 {
		t.Errorf("%d rides were stored with the default, want 200", n)
	}
	s.checkSums(conn)
	s.stopped(sink)
}
