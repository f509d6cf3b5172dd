-- Drops sink_events with all that is in it.
DROP TABLE sink_events;
