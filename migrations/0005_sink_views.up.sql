-- Makes the views sink_status and sink_dead_letter_summary, for those who have psql and nothing else. It reads no row and takes milliseconds;
-- it waits only for one who alters sink_ledger or sink_dead_letters at that moment.
CREATE VIEW sink_status AS
SELECT kafka_topic,
       kafka_partition,
       next_offset AS position,
       inserted,
       dead_lettered AS dead_letters,
       tombstones,
       not_records,
       lost,
       CASE WHEN last_timestamp BETWEEN 0 AND 9224318015999000 THEN to_timestamp(last_timestamp / 1000.0) END AS last_record_at,
       updated_at AS last_write_at,
       now() - updated_at AS last_write_age,
       halted_reason IS NOT NULL AS halted,
       halted_reason,
       halted_at,
       group_id
  FROM sink_ledger
 ORDER BY kafka_topic, kafka_partition;

COMMENT ON VIEW sink_status IS 'How far each partition is, and whether a human must act. What PostgreSQL cannot know, lag and owner, sink status asks Kafka for.';
COMMENT ON COLUMN sink_status.kafka_topic IS 'Topic.';
COMMENT ON COLUMN sink_status.kafka_partition IS 'Partition.';
COMMENT ON COLUMN sink_status.position IS 'Next offset to read: all before it is accounted for.';
COMMENT ON COLUMN sink_status.inserted IS 'Records stored in rides.';
COMMENT ON COLUMN sink_status.dead_letters IS 'Records stored in sink_dead_letters.';
COMMENT ON COLUMN sink_status.tombstones IS 'Records with a null value, which are counted and not stored.';
COMMENT ON COLUMN sink_status.not_records IS 'Offsets without a record to store: transaction markers, aborted records, gaps left by compaction.';
COMMENT ON COLUMN sink_status.lost IS 'Offsets whose loss was accepted; sink_events has the ranges.';
COMMENT ON COLUMN sink_status.last_record_at IS 'Timestamp of the last record covered; NULL before the first, and for a record without one.';
COMMENT ON COLUMN sink_status.last_write_at IS 'When the position was last changed, or the partition marked as halted.';
COMMENT ON COLUMN sink_status.last_write_age IS 'How long ago that was. A partition that gets no records is not written to either.';
COMMENT ON COLUMN sink_status.halted IS 'Whether the partition is stopped until a human acts.';
COMMENT ON COLUMN sink_status.halted_reason IS 'Why it is stopped, and what to do; NULL while it runs.';
COMMENT ON COLUMN sink_status.halted_at IS 'Since when it is stopped; NULL while it runs.';
COMMENT ON COLUMN sink_status.group_id IS 'Consumer group that wrote last.';

CREATE VIEW sink_dead_letter_summary AS
SELECT kafka_topic,
       reason,
       dead_letters,
       partitions,
       first_stored_at,
       kafka_topic || '/' || first_place[2] || '/' || first_place[3] AS first_record,
       last_stored_at,
       kafka_topic || '/' || last_place[2] || '/' || last_place[3] AS last_record
  FROM (SELECT kafka_topic,
               reason,
               count(*) AS dead_letters,
               count(DISTINCT kafka_partition) AS partitions,
               min(created_at) AS first_stored_at,
               max(created_at) AS last_stored_at,
               min(ARRAY[(extract(epoch FROM created_at) * 1000000)::bigint, kafka_partition, kafka_offset]) AS first_place,
               max(ARRAY[(extract(epoch FROM created_at) * 1000000)::bigint, kafka_partition, kafka_offset]) AS last_place
          FROM sink_dead_letters
         GROUP BY kafka_topic, reason) AS grouped
 ORDER BY kafka_topic, dead_letters DESC, reason;

COMMENT ON VIEW sink_dead_letter_summary IS 'Dead letters by topic and reason, with two to look at. It reads all of sink_dead_letters.';
COMMENT ON COLUMN sink_dead_letter_summary.kafka_topic IS 'Topic that the records were read from.';
COMMENT ON COLUMN sink_dead_letter_summary.reason IS 'Why they could not become a row of rides.';
COMMENT ON COLUMN sink_dead_letter_summary.dead_letters IS 'How many there are.';
COMMENT ON COLUMN sink_dead_letter_summary.partitions IS 'From how many partitions they came.';
COMMENT ON COLUMN sink_dead_letter_summary.first_stored_at IS 'When the first of them was stored.';
COMMENT ON COLUMN sink_dead_letter_summary.first_record IS 'That one as TOPIC/PARTITION/OFFSET, which sink deadletters show takes.';
COMMENT ON COLUMN sink_dead_letter_summary.last_stored_at IS 'When the last of them was stored.';
COMMENT ON COLUMN sink_dead_letter_summary.last_record IS 'That one as TOPIC/PARTITION/OFFSET.';

-- The mark of what was applied, in the transaction that applies it: sink migrate up --recover reads it.
COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 5';
