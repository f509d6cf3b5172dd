-- Makes sink_events. It locks nothing that exists and takes milliseconds.
CREATE TABLE sink_events (
    event_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at     timestamptz NOT NULL DEFAULT now(),
    event           text NOT NULL,
    kafka_topic     text,
    kafka_partition integer,
    first_offset    bigint,
    next_offset     bigint,
    reason          text,
    who             text NOT NULL DEFAULT current_user,
    details         jsonb
);

COMMENT ON TABLE sink_events IS 'What an operator must be able to audit: resets, accepted losses, dropped dead letters.';
COMMENT ON COLUMN sink_events.event_id IS 'Number of the event, rising.';
COMMENT ON COLUMN sink_events.happened_at IS 'When.';
COMMENT ON COLUMN sink_events.event IS 'What, as one of a small set of words, such as reset, accepted_loss, dead_letters_dropped, topic_recreated.';
COMMENT ON COLUMN sink_events.kafka_topic IS 'Topic that it is about; NULL for none.';
COMMENT ON COLUMN sink_events.kafka_partition IS 'Partition that it is about; NULL for none or all.';
COMMENT ON COLUMN sink_events.first_offset IS 'First offset of the range that it is about.';
COMMENT ON COLUMN sink_events.next_offset IS 'The offset behind that range.';
COMMENT ON COLUMN sink_events.reason IS 'Why, for a human.';
COMMENT ON COLUMN sink_events.who IS 'Database role that did it.';
COMMENT ON COLUMN sink_events.details IS 'What else belongs to it; NULL for nothing.';

-- The mark of what was applied, in the transaction that applies it: sink migrate up --recover reads it.
COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 4';
