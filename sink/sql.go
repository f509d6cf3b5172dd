package sink

import (
	"strings"

	"github.com/jackc/pgx/v5"

	"ridesink/schema"
)

// sql.go: every statement of this package. All run at READ COMMITTED, in the schema that search_path names first.

// copyRides streams rows that were encoded before BEGIN. ROW EXCLUSIVE on rides, which only DDL waits for.
func copyRides() string {
	quoted := make([]string, 0, len(schema.Columns()))
	for _, column := range schema.Columns() {
		quoted = append(quoted, pgx.Identifier{column}.Sanitize())
	}
	return "COPY rides (" + strings.Join(quoted, ", ") + ") FROM STDIN (FORMAT binary)"
}

// advanceLedger moves a partition from @first to @next; 1 row, by primary key. It comes last before COMMIT, so the row lock lives for
// a round trip: a member that freezes while it copies holds nothing its successor needs. Who comes second waits here, then
// matches 0 rows. last_* are kept where the batch covered no record; a partition that moves is not halted.
const advanceLedger = `
UPDATE sink_ledger
   SET next_offset = @next,
       last_offset = coalesce(@last_offset, last_offset),
       last_timestamp = coalesce(@last_timestamp, last_timestamp),
       last_leader_epoch = coalesce(@last_leader_epoch, last_leader_epoch),
       inserted = inserted + @inserted,
       dead_lettered = dead_lettered + @dead_lettered,
       tombstones = tombstones + @tombstones,
       not_records = not_records + @not_records,
       lost = lost + @lost,
       group_id = @group,
       halted_reason = NULL,
       halted_at = NULL,
       updated_at = now()
 WHERE kafka_topic = @topic
   AND kafka_partition = @partition
   AND next_offset = @first
   AND topic_id IS NOT DISTINCT FROM @topic_id`

// recordEvent keeps what an operator must be able to audit; 1 row, no lock that others wait for.
const recordEvent = `
INSERT INTO sink_events (event, kafka_topic, kafka_partition, first_offset, next_offset, reason)
VALUES (@event, @topic, @partition, @first, @next, @reason)`

// readLedger returns the rows of some topics; no lock.
const readLedger = `
SELECT kafka_topic, kafka_partition, topic_id, first_offset, next_offset, inserted, dead_lettered, tombstones, not_records, lost,
       coalesce(group_id, ''), coalesce(halted_reason, ''), coalesce(halted_at >= @since, false)
  FROM sink_ledger
 WHERE kafka_topic = ANY(@topics)
 ORDER BY kafka_topic, kafka_partition`

// readPosition returns one partition's position and identity; no lock. Primary key.
const readPosition = `
SELECT next_offset, topic_id, last_offset IS NOT NULL, coalesce(last_offset, -1), coalesce(last_timestamp, -1), coalesce(last_leader_epoch, -1),
       dead_lettered, halted_reason IS NOT NULL
  FROM sink_ledger
 WHERE kafka_topic = @topic AND kafka_partition = @partition`

// makeLedgerRow makes the row of a partition that has none; 0 rows if another starter was first, and then its row counts. It waits
// for an uncommitted row of the same key; callers insert in the order of partitions, so that two starters cannot deadlock.
const makeLedgerRow = `
INSERT INTO sink_ledger (kafka_topic, kafka_partition, topic_id, first_offset, next_offset, group_id)
VALUES (@topic, @partition, @topic_id, @start, @start, @group)
ON CONFLICT (kafka_topic, kafka_partition) DO NOTHING`

// adoptTopicID names the topic's identity in a row that has none, because the broker gave none then; 0 rows if it has one.
const adoptTopicID = `
UPDATE sink_ledger SET topic_id = @topic_id, updated_at = now()
 WHERE kafka_topic = @topic AND kafka_partition = @partition AND topic_id IS NULL`

// markHalted says in the ledger that a partition stopped and why; 1 row, 0 if the position is another by now. clearHalted takes that back when a
// member tries again.
const (
	markHalted = `
UPDATE sink_ledger SET halted_reason = @reason, halted_at = now(), updated_at = now()
 WHERE kafka_topic = @topic AND kafka_partition = @partition AND next_offset = @position`
	clearHalted = `
UPDATE sink_ledger SET halted_reason = NULL, halted_at = NULL, updated_at = now()
 WHERE kafka_topic = @topic AND kafka_partition = @partition AND halted_reason IS NOT NULL`
)

// countDeadLetters counts a partition's dead letters below an end; 1 row. Primary key.
const countDeadLetters = `
SELECT count(*)
  FROM sink_dead_letters
 WHERE kafka_topic = @topic AND kafka_partition = @partition AND kafka_offset < @end`

// terminateStuck ends sessions of our own (same role, database and application_name) that hold sink_ledger's rows for longer than a
// lock timeout without waiting for a lock themselves: members that were frozen between the compare-and-set and COMMIT. Their outcome is
// unknown to them, so they ask the ledger if they ever wake up.
const terminateStuck = `
SELECT pg_terminate_backend(a.pid)
  FROM pg_stat_activity a
  JOIN pg_locks l ON l.pid = a.pid
 WHERE a.pid <> pg_backend_pid()
   AND a.datname = current_database()
   AND a.usename = current_user
   AND a.application_name = current_setting('application_name')
   AND a.wait_event_type IS DISTINCT FROM 'Lock'
   AND now() - a.state_change > interval '4 seconds'
   AND l.locktype = 'relation' AND l.granted AND l.mode = 'RowExclusiveLock'
   AND l.relation = 'sink_ledger'::regclass`

// databaseClock is what halts are compared with, so that clocks of two machines need not agree.
const databaseClock = `SELECT clock_timestamp()`
