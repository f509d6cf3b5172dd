-- Drops sink_dead_letters with all that is in it. It waits for a sink that is writing.
DROP TABLE sink_dead_letters;
