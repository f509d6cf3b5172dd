-- What the roles of roles.sql may do with the tables. Run it as ridesink_owner after `sink migrate up`, and again after each upgrade that makes tables:
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -f deploy/postgres/grants.sql

GRANT SELECT ON sink_schema_migrations, sink_status, sink_dead_letter_summary TO ridesink, ridesink_operator;

-- The sink stores and reads. It cannot change or delete a ride, a dead letter or an event.
GRANT SELECT, INSERT ON rides, sink_dead_letters TO ridesink, ridesink_operator;
GRANT SELECT, INSERT, UPDATE ON sink_ledger TO ridesink, ridesink_operator;

-- Who did something and when is PostgreSQL's to say: nobody may write those columns.
GRANT SELECT ON sink_events TO ridesink, ridesink_operator;
GRANT INSERT (event, kafka_topic, kafka_partition, first_offset, next_offset, reason, details) ON sink_events TO ridesink, ridesink_operator;

-- sink reset and sink deadletters.
GRANT UPDATE, DELETE ON rides, sink_dead_letters TO ridesink_operator;
GRANT DELETE ON sink_ledger TO ridesink_operator;
