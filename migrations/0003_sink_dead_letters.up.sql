-- Makes sink_dead_letters. It locks nothing that exists and takes milliseconds.
CREATE TABLE sink_dead_letters (
    kafka_topic     text NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset    bigint NOT NULL,
    kafka_timestamp timestamptz,
    record_key      bytea,
    record_value    bytea,
    record_headers  bytea[],
    reason          text NOT NULL,
    error           text NOT NULL,
    sqlstate        text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset)
);

COMMENT ON TABLE sink_dead_letters IS 'Records that could not become a row of rides, kept byte for byte, each once.';
COMMENT ON COLUMN sink_dead_letters.kafka_topic IS 'Topic that the record was read from.';
COMMENT ON COLUMN sink_dead_letters.kafka_partition IS 'Partition that the record was read from.';
COMMENT ON COLUMN sink_dead_letters.kafka_offset IS 'Offset of the record in its partition.';
COMMENT ON COLUMN sink_dead_letters.kafka_timestamp IS 'Timestamp of the record; NULL if it had none, or one that timestamptz cannot hold.';
COMMENT ON COLUMN sink_dead_letters.record_key IS 'Key of the record, byte for byte; NULL for a null key.';
COMMENT ON COLUMN sink_dead_letters.record_value IS 'Value of the record, byte for byte.';
COMMENT ON COLUMN sink_dead_letters.record_headers IS 'Headers of the record as {{key,value},...}, in their order, repeats kept, a null value as NULL; NULL if it had none.';
COMMENT ON COLUMN sink_dead_letters.reason IS 'Why, as one of a small set of words, such as invalid_json, wrong_type, bad_time, rejected_by_database.';
COMMENT ON COLUMN sink_dead_letters.error IS 'What exactly was wrong and where; it does not repeat the value.';
COMMENT ON COLUMN sink_dead_letters.sqlstate IS 'PostgreSQL''s error code, if it was PostgreSQL that rejected the row; else NULL.';
COMMENT ON COLUMN sink_dead_letters.created_at IS 'When the record was put here.';

-- The mark of what was applied, in the transaction that applies it: sink migrate up --recover reads it.
COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 3';
