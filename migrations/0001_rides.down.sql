-- Drops rides with all that is in it. It waits for a sink that is writing.
DROP TABLE rides;

COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 0';
