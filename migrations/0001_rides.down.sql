-- Drops rides with all that is in it. It waits for a sink that is writing.
DROP TABLE rides;
