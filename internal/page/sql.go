package page

// sql.go: the statements of this package. They read, take no lock that anybody waits for, and touch a bounded number of dead letters.

// limitStatement ends a statement that takes too long, a COPY beside it, say; it holds for its transaction.
const limitStatement = `SET LOCAL statement_timeout = '2s'`

// readTotals sums up the ledger: a row a partition.
const readTotals = `
SELECT count(*), count(*) FILTER (WHERE halted_reason IS NOT NULL), count(*) FILTER (WHERE dead_lettered > 0),
       coalesce(sum(inserted), 0)::bigint, coalesce(sum(dead_lettered), 0)::bigint, coalesce(sum(tombstones), 0)::bigint,
       coalesce(sum(not_records), 0)::bigint, coalesce(sum(lost), 0)::bigint
  FROM sink_ledger
 WHERE kafka_topic = ANY(@topics)`

// readReasons looks at the newest dead letters of each partition that has some, by the primary key backwards: the table has no index on reason
// and may be large. It returns the newest few of each reason. Values are read of those alone, and only where they may be shown.
const readReasons = `
WITH newest AS MATERIALIZED (
    SELECT d.*
      FROM (SELECT kafka_topic, kafka_partition FROM sink_ledger WHERE kafka_topic = ANY(@topics) AND dead_lettered > 0) p
     CROSS JOIN LATERAL (
        SELECT kafka_topic, kafka_partition, kafka_offset, reason, created_at
          FROM sink_dead_letters
         WHERE kafka_topic = p.kafka_topic AND kafka_partition = p.kafka_partition
         ORDER BY kafka_offset DESC
         LIMIT @each) d
), ranked AS (
    SELECT *, count(*) OVER () AS examined, count(*) OVER (PARTITION BY reason) AS seen,
           row_number() OVER (PARTITION BY reason ORDER BY created_at DESC, kafka_topic, kafka_partition, kafka_offset DESC) AS nth
      FROM newest
)
SELECT r.kafka_topic, r.kafka_partition, r.kafka_offset, r.reason, r.created_at, r.examined, r.seen,
       CASE WHEN @values::boolean THEN l.error ELSE '' END,
       CASE WHEN @values::boolean THEN coalesce(octet_length(l.record_value), 0) ELSE 0 END,
       CASE WHEN @values::boolean THEN substring(l.record_value FOR @value_bytes) END
  FROM ranked r
  JOIN sink_dead_letters l USING (kafka_topic, kafka_partition, kafka_offset)
 WHERE r.nth <= @samples
 ORDER BY r.seen DESC, r.reason, r.nth
 LIMIT @most`
