-- Drops sink_ledger, and with it what was read so far: rides that stay would be stored again. It waits for a sink that is writing.
DROP TABLE sink_ledger;

COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 1';
