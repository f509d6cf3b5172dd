package status

// sql.go: the statements of this package. They read, and take no lock that anybody waits for.

// readLedger returns the rows of some topics.
const readLedger = `
SELECT kafka_topic, kafka_partition, next_offset, inserted, dead_lettered, tombstones, not_records, lost,
       coalesce(halted_reason, ''), halted_at, updated_at
  FROM sink_ledger
 WHERE kafka_topic = ANY(@topics)`
