package verify

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"ridesink/schema"
)

// sql.go: every statement of this package. All run in one READ ONLY snapshot and take no lock but ACCESS SHARE.

// Session settings of the two transactions. The sort of a whole topic should not be cut into more runs than necessary; a stream may wait
// for Kafka as long as it takes.
var localSettings = []string{ //nolint:gochecknoglobals // read only
	"SET LOCAL work_mem = '64MB'",
	"SET LOCAL jit = off",
	"SET LOCAL statement_timeout = 0",
	"SET LOCAL idle_in_transaction_session_timeout = 0",
}

// exportSnapshot names this transaction's snapshot for the other connection.
const exportSnapshot = `SELECT pg_export_snapshot()`

// importSnapshot must be the first statement of its transaction; the name is PostgreSQL's own.
func importSnapshot(name string) string { return "SET TRANSACTION SNAPSHOT " + literal(name) }

// readLedger returns the positions of topics.
const readLedger = `
SELECT kafka_topic, kafka_partition, topic_id, first_offset, next_offset, coalesce(last_offset, -1), coalesce(last_timestamp, -1),
       coalesce(last_leader_epoch, -1), inserted, dead_lettered, tombstones, not_records, lost, coalesce(group_id, ''), coalesce(halted_reason, '')
  FROM sink_ledger
 WHERE kafka_topic = ANY(@topics)
 ORDER BY kafka_topic, kafka_partition`

// readLosses returns ranges in which records may be missing because somebody accepted that. Which of them are, the ledger's count bounds.
const readLosses = `
SELECT kafka_topic, coalesce(kafka_partition, -1), first_offset, next_offset, event
  FROM sink_events
 WHERE kafka_topic = ANY(@topics) AND next_offset > first_offset`

// copyRides streams the rows of a topic in the order of partitions and offsets. Rows lie about in that order already, so the sort costs little
// more than the scan, and one sort of all partitions costs one scan; an index on topic, partition and offset is used if there is one.
func copyRides(topic string, s *selection) string {
	quoted := make([]string, 0, len(schema.Columns()))
	for _, column := range schema.Columns() {
		quoted = append(quoted, pgx.Identifier{column}.Sanitize())
	}
	return copyTopic("rides", strings.Join(quoted, ", "), topic, s)
}

// copyDeadLetters streams the dead letters of a topic in the same order; by primary key.
func copyDeadLetters(topic string, s *selection) string {
	return copyTopic("sink_dead_letters", strings.Join(letterColumns(), ", "), topic, s)
}

func copyTopic(table, columns, topic string, s *selection) string {
	return fmt.Sprintf("COPY (SELECT %s FROM %s WHERE kafka_topic = %s%s ORDER BY kafka_partition, kafka_offset) TO STDOUT (FORMAT binary)",
		columns, table, literal(topic), s.condition(topic))
}

// literal quotes a string whatever standard_conforming_strings says. COPY takes no parameters.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
