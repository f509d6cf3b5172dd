-- Drops sink_ledger, and with it what was read so far: rides that stay would be stored again. It waits for a sink that is writing.
DROP TABLE sink_ledger;
