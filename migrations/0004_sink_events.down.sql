-- Drops sink_events with all that is in it.
DROP TABLE sink_events;

COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 3';
