package repair

import (
	"strings"

	"github.com/jackc/pgx/v5"

	"ridesink/schema"
)

// sql.go: every statement of this package. All run at READ COMMITTED, in the schema that search_path names first.

// sessionSettings hold for one transaction. The name keeps members from taking the session for a frozen one of theirs. The idle timeout bounds how
// long a command that was stopped (Ctrl-Z) can hold the ledger.
const sessionSettings = `
SET LOCAL application_name = 'ridesink-repair';
SET LOCAL lock_timeout = '15s';
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = '60s'`

const ledgerColumns = `
SELECT kafka_topic, kafka_partition, topic_id, first_offset, next_offset, inserted, dead_lettered, tombstones, not_records, lost, coalesce(halted_reason, '')
  FROM sink_ledger`

const (
	// readLedger returns the rows of some topics; no lock.
	readLedger = ledgerColumns + `
 WHERE kafka_topic = ANY(@topics) ORDER BY kafka_topic, kafka_partition`
	// lockLedger returns rows and locks them until the end of the transaction, in order, so that two repairs cannot deadlock. A member's
	// compare-and-set waits for it meanwhile; a member holds a row for a round trip.
	lockLedger = ledgerColumns + `
 WHERE (kafka_topic, kafka_partition) IN (SELECT * FROM unnest(@topics::text[], @partitions::integer[])) ORDER BY kafka_topic, kafka_partition FOR UPDATE`
)

// readEvents returns what may have changed which offsets of a partition are lost, in the order in which it happened.
const readEvents = `
SELECT event, coalesce(first_offset, 0), coalesce(next_offset, 0), details
  FROM sink_events
 WHERE kafka_topic = @topic AND (kafka_partition = @partition OR kafka_partition IS NULL)
   AND event IN ('accepted_loss', 'reset', 'dead_letters_dropped', 'topic_recreated')
 ORDER BY event_id`

// recordEvent keeps what an operator must be able to audit; 1 row.
const recordEvent = `
INSERT INTO sink_events (event, kafka_topic, kafka_partition, first_offset, next_offset, reason, details)
VALUES (@event, @topic, @partition, @first, @next, @reason, @details)`

// fromTargets joins a table to the offsets from which on its rows are read again. One scan of rides for all partitions; without an index that
// is a sequential one.
const fromTargets = ` r USING unnest(@topics::text[], @partitions::integer[], @targets::bigint[]) AS t(topic, partition, target)
	 WHERE r.kafka_topic = t.topic AND r.kafka_partition = t.partition AND r.kafka_offset >= t.target`

// deleteFrom deletes rows of a table from targets on and counts them by partition.
func deleteFrom(table string) string {
	return `WITH gone AS (DELETE FROM ` + table + fromTargets + ` RETURNING r.kafka_topic, r.kafka_partition)
	SELECT kafka_topic, kafka_partition, count(*) FROM gone GROUP BY kafka_topic, kafka_partition`
}

// countFrom counts what deleteFrom would delete; no lock.
func countFrom(table string) string {
	return `SELECT r.kafka_topic, r.kafka_partition, count(*) FROM ` + table + strings.Replace(fromTargets, " r USING ", " r, ", 1) +
		` GROUP BY r.kafka_topic, r.kafka_partition`
}

// moveLedger puts a partition to another position; 1 row, locked before.
const moveLedger = `
UPDATE sink_ledger
   SET first_offset = @first, next_offset = @next, inserted = @inserted, dead_lettered = @dead_lettered, tombstones = @tombstones,
       not_records = @not_records, lost = @lost, last_offset = @last_offset, last_timestamp = @last_timestamp, last_leader_epoch = @last_leader_epoch,
       halted_reason = NULL, halted_at = NULL, updated_at = now()
 WHERE kafka_topic = @topic AND kafka_partition = @partition`

// moveCounts takes n from dead_lettered and adds it to the two others; 1 row, locked before.
const moveCounts = `
UPDATE sink_ledger
   SET dead_lettered = dead_lettered - @inserted - @lost, inserted = inserted + @inserted, lost = lost + @lost, updated_at = now()
 WHERE kafka_topic = @topic AND kafka_partition = @partition`

// ofOldTopic chooses what is of partitions whose ledger rows are locked, and nothing else: a member may begin with another partition of the new
// topic at any moment, and what it stores there stays.
const ofOldTopic = ` WHERE kafka_topic = @topic AND kafka_partition = ANY(@partitions)`

// Statements for a topic that was made again.
const (
	deleteTopicRides   = `DELETE FROM rides` + ofOldTopic
	deleteTopicLetters = `DELETE FROM sink_dead_letters` + ofOldTopic
	deleteTopicLedger  = `DELETE FROM sink_ledger` + ofOldTopic
	renameTopicRides   = `UPDATE rides SET kafka_topic = @name` + ofOldTopic
	renameTopicLetters = `UPDATE sink_dead_letters SET kafka_topic = @name` + ofOldTopic
	renameTopicLedger  = `UPDATE sink_ledger SET kafka_topic = @name, halted_reason = NULL, halted_at = NULL, updated_at = now()` + ofOldTopic
	countTopic         = `SELECT (SELECT count(*) FROM rides` + ofOldTopic + `), (SELECT count(*) FROM sink_dead_letters` + ofOldTopic + `)`
	nameIsTaken        = `SELECT EXISTS (SELECT FROM sink_ledger WHERE kafka_topic = @name) OR EXISTS (SELECT FROM sink_dead_letters WHERE kafka_topic = @name)
    OR EXISTS (SELECT FROM rides WHERE kafka_topic = @name)`
	// makeLedgerRow makes the row of a partition of the new topic; 0 rows where a member began with it already.
	makeLedgerRow = `
INSERT INTO sink_ledger (kafka_topic, kafka_partition, topic_id, first_offset, next_offset) VALUES (@topic, @partition, @topic_id, @start, @start)
ON CONFLICT (kafka_topic, kafka_partition) DO NOTHING`
)

// filterLetters is the WHERE of every statement on dead letters. A filter that is NULL lets everything through.
const filterLetters = `
 WHERE kafka_topic = ANY(@topics)
   AND (@partitions::integer[] IS NULL OR EXISTS (SELECT FROM unnest(@partition_topics::text[], @partitions::integer[]) AS p(topic, partition)
        WHERE p.partition = kafka_partition AND p.topic IN ('', kafka_topic)))
   AND (@reasons::text[] IS NULL OR reason = ANY(@reasons))
   AND (@since::timestamptz IS NULL OR created_at >= @since)
   AND (@until::timestamptz IS NULL OR created_at < @until)`

const (
	// listLetters returns dead letters without their bytes.
	listLetters = `
SELECT kafka_topic, kafka_partition, kafka_offset, kafka_timestamp, reason, error, coalesce(sqlstate, ''), created_at,
       octet_length(record_key), octet_length(record_value)
  FROM sink_dead_letters` + filterLetters + `
 ORDER BY kafka_topic, kafka_partition, kafka_offset LIMIT @limit`
	// countLetters counts by partition.
	countLetters = `
SELECT kafka_topic, kafka_partition, count(*) FROM sink_dead_letters` + filterLetters + `
 GROUP BY kafka_topic, kafka_partition ORDER BY kafka_topic, kafka_partition`
	// showLetter returns one, with all that is kept of it. Primary key.
	showLetter = `
SELECT kafka_timestamp, reason, error, coalesce(sqlstate, ''), created_at, record_key, record_value, record_headers
  FROM sink_dead_letters WHERE kafka_topic = @topic AND kafka_partition = @partition AND kafka_offset = @offset`
	// takeLetters returns the next dead letters of a partition, in order, until they hold @bytes; at least one.
	takeLetters = `
SELECT kafka_offset, kafka_timestamp, record_value
  FROM (SELECT *, sum(coalesce(octet_length(record_value), 0)) OVER (ORDER BY kafka_offset) - coalesce(octet_length(record_value), 0) AS before
          FROM (SELECT kafka_offset, kafka_timestamp, record_value FROM sink_dead_letters` + filterLetters + `
                   AND kafka_topic = @topic AND kafka_partition = @partition AND kafka_offset >= @from
                 ORDER BY kafka_offset LIMIT @limit) AS chosen) AS sized
 WHERE before < @bytes
 ORDER BY kafka_offset`
	// takeOffsets returns their offsets only.
	takeOffsets = `
SELECT kafka_offset FROM sink_dead_letters` + filterLetters + `
   AND kafka_topic = @topic AND kafka_partition = @partition AND kafka_offset >= @from ORDER BY kafka_offset LIMIT @limit`
	// deleteLetters deletes by primary key.
	deleteLetters = `
DELETE FROM sink_dead_letters WHERE kafka_topic = @topic AND kafka_partition = @partition AND kafka_offset = ANY(@offsets)`
	// explainLetter says why a dead letter is one as of today.
	explainLetter = `
UPDATE sink_dead_letters SET reason = @reason, error = @error, sqlstate = nullif(@sqlstate, '')
 WHERE kafka_topic = @topic AND kafka_partition = @partition AND kafka_offset = @offset`
)

// copyRides streams rows in the binary format.
func copyRides() string {
	quoted := make([]string, 0, len(schema.Columns()))
	for _, column := range schema.Columns() {
		quoted = append(quoted, pgx.Identifier{column}.Sanitize())
	}
	return "COPY rides (" + strings.Join(quoted, ", ") + ") FROM STDIN (FORMAT binary)"
}
