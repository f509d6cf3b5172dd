package e2e

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"
)

// faults_test.go counts what was survived: every case of every fault, for the table in docs/reliability.md that faultsreport writes.

// faultRow is a row of the table: what was done to the sink or its servers, in words for its reader.
type faultRow string

// The rows, in the order of the table.
const (
	rowKill             faultRow = "kill -9 of the sink at random times"
	rowKillAfterCopy    faultRow = "kill -9 after COPY"
	rowKillAfterAdvance faultRow = "kill -9 after the compare-and-set, before COMMIT"
	rowKillAfterEnd     faultRow = "kill -9 after COMMIT, before anybody knows"
	rowKillBeforeCommit faultRow = "kill -9 before the commit to Kafka"
	rowKillAfterCommit  faultRow = "kill -9 after the commit to Kafka"
	rowTerminate        faultRow = "SIGTERM while idle, fetching, writing, joining, or without PostgreSQL"
	rowChurn            faultRow = "two to five members that join, die, freeze and wake"
	rowZombie           faultRow = "a member frozen past its session, or cut off without a word"
	rowKafkaCommits     faultRow = "offsets in Kafka set to garbage, behind and ahead"
	rowBrokerCrash      faultRow = "brokers killed, leaders moved, brokers restarted in turn"
	rowFetchErrors      faultRow = "every fetch error, connections to brokers cut at every class of byte, a broker that never answers"
	rowDamagedBatches   faultRow = "batches that are damaged, bombs, of absurd lengths or of an old format"
	rowPostgresCrash    faultRow = "PostgreSQL killed or restarted"
	rowPostgresRefuses  faultRow = "PostgreSQL read only, out of connections, or with a full disk"
	rowBackends         faultRow = "backends killed, deadlocks, timeouts, serialization failures, every SQLSTATE"
	rowCommitReply      faultRow = "the answer to COMMIT lost, COMMIT arrived or not"
	rowPostgresAway     faultRow = "PostgreSQL away for longer than the session"
	rowPoison           faultRow = "bad records among good ones, some refused only by a constraint of the user's"
	rowTransactions     faultRow = "transactions committed, aborted, open and interleaved"
	rowCompaction       faultRow = "compacted topics with gaps up to the end"
	rowLogStart         faultRow = "the log's start moved past the position"
	rowRecreated        faultRow = "topics deleted and made again, shorter and longer"
	rowPartitionsAdded  faultRow = "partitions added"
	rowDatabaseRestored faultRow = "a database restored to before what Kafka was told"
	rowDatabaseRewound  faultRow = "a database rewound while the sink runs"
	rowReset            faultRow = "a reset under a running sink"
	rowTruncated        faultRow = "a log truncated and grown again, a broker's volume lost, brokers without topic ids"
	rowFirstStart       faultRow = "--start latest killed before its first batch, two first starters, ledger rows deleted by hand"
	rowFetchCancelled   faultRow = "fetches given up in the middle of a response"
	rowTableRules       faultRow = "a partition of rides missing, a unique index added"
	rowMigrations       faultRow = "migrations raced by four starters, and killed half way"
)

// cases is how many cases this run plays: short, or fullCount with TEST_FULL, or that percentage of it which TEST_FAULTS_PERCENT says.
func cases(short, fullCount int) int {
	if full() {
		return fullCount
	}
	percent, _ := strconv.Atoi(os.Getenv("TEST_FAULTS_PERCENT")) // 0: the short form
	return max(short, fullCount*percent/100)
}

// playedCases is a line of the report.
type playedCases struct {
	Row      faultRow `json:"row"`
	Cases    int      `json:"cases"`
	Lost     int64    `json:"lost"`
	Doubled  int64    `json:"doubled"`
	Progress float64  `json:"progress_seconds"` // from the end of the fault until positions moved again
}

// caseDone counts n cases of a row, after their invariants were checked. progress is how long after the fault positions moved again; 0 if
// that was not looked at. A test that failed counts none: oracleFound tells of it.
func caseDone(t testing.TB, row faultRow, n int, progress time.Duration) {
	t.Helper()
	if !t.Failed() {
		report(t, playedCases{Row: row, Cases: n, Progress: progress.Seconds()})
	}
}

// oracleFound reports what the oracle found missing or doubled, under the test's name: it is in the table even if a later run is green.
func oracleFound(t testing.TB, lost, doubled int64) {
	t.Helper()
	if _, wanted := t.(*complaints); wanted {
		return // the oracle itself is tested
	}
	report(t, playedCases{Row: faultRow(t.Name()), Lost: lost, Doubled: doubled})
}

// report appends a line to the file that TEST_FAULTS_REPORT names. Lines are short, so that those of several processes do not mix.
func report(t testing.TB, played playedCases) {
	t.Helper()
	path := os.Getenv("TEST_FAULTS_REPORT")
	if path == "" {
		return
	}
	line, err := json.Marshal(played)
	if err != nil {
		t.Fatalf("report %+v: %v", played, err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = file.Write(append(line, '\n'))
	}
	if err != nil {
		t.Fatalf("TEST_FAULTS_REPORT: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatalf("TEST_FAULTS_REPORT: %v", err)
	}
}
