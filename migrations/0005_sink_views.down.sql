-- Drops the views sink_status and sink_dead_letter_summary; nothing is stored in them. It waits for who reads them at that moment. Views that
-- others built upon them keep it from dropping them: drop those first.
DROP VIEW sink_dead_letter_summary;
DROP VIEW sink_status;

COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 4';
