-- Makes sink_ledger. It locks nothing that exists and takes milliseconds.
-- Each row is updated once a batch: half of each page is left free, so that an update stays on its page and touches no index.
CREATE TABLE sink_ledger (
    kafka_topic       text NOT NULL,
    kafka_partition   integer NOT NULL,
    topic_id          uuid,
    first_offset      bigint NOT NULL,
    next_offset       bigint NOT NULL,
    last_offset       bigint,
    last_timestamp    bigint,
    last_leader_epoch integer,
    inserted          bigint NOT NULL DEFAULT 0,
    dead_lettered     bigint NOT NULL DEFAULT 0,
    tombstones        bigint NOT NULL DEFAULT 0,
    not_records       bigint NOT NULL DEFAULT 0,
    lost              bigint NOT NULL DEFAULT 0,
    group_id          text,
    halted_reason     text,
    halted_at         timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kafka_topic, kafka_partition)
) WITH (fillfactor = 50);

COMMENT ON TABLE sink_ledger IS 'The position of each partition, moved in the transaction that stores the records. It is the truth; offsets committed to Kafka follow it. next_offset - first_offset = inserted + dead_lettered + tombstones + not_records + lost.';
COMMENT ON COLUMN sink_ledger.kafka_topic IS 'Topic.';
COMMENT ON COLUMN sink_ledger.kafka_partition IS 'Partition.';
COMMENT ON COLUMN sink_ledger.topic_id IS 'Identity of the topic, by which one that was deleted and made again is told apart; NULL if the broker gives none.';
COMMENT ON COLUMN sink_ledger.first_offset IS 'First offset that was to be read.';
COMMENT ON COLUMN sink_ledger.next_offset IS 'Next offset to read: all before it, from first_offset on, is accounted for.';
COMMENT ON COLUMN sink_ledger.last_offset IS 'Offset of the last record covered; NULL before the first.';
COMMENT ON COLUMN sink_ledger.last_timestamp IS 'Timestamp of that record as Kafka gave it, in milliseconds since the epoch; -1 for none.';
COMMENT ON COLUMN sink_ledger.last_leader_epoch IS 'Leader epoch of that record. With the timestamp it shows whether the log was truncated since.';
COMMENT ON COLUMN sink_ledger.inserted IS 'Records stored in rides.';
COMMENT ON COLUMN sink_ledger.dead_lettered IS 'Records stored in sink_dead_letters.';
COMMENT ON COLUMN sink_ledger.tombstones IS 'Records with a null value, which are counted and not stored.';
COMMENT ON COLUMN sink_ledger.not_records IS 'Offsets without a record to store: transaction markers, aborted records, gaps left by compaction.';
COMMENT ON COLUMN sink_ledger.lost IS 'Offsets that were gone from Kafka before they were read, and whose loss was accepted. sink_events has the ranges.';
COMMENT ON COLUMN sink_ledger.group_id IS 'Consumer group that wrote last.';
COMMENT ON COLUMN sink_ledger.halted_reason IS 'Why the partition was stopped, and what to do; NULL while it runs.';
COMMENT ON COLUMN sink_ledger.halted_at IS 'Since when the partition is stopped; NULL while it runs.';
COMMENT ON COLUMN sink_ledger.updated_at IS 'When the row was last changed.';

-- The mark of what was applied, in the transaction that applies it: sink migrate up --recover reads it.
COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 2';
