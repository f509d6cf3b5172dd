// Package sink moves ride records from Kafka topics into PostgreSQL, each record stored exactly once.
//
// A record goes one way, and each stage is a file:
//
//	membership.go  which partitions are ours, from the consumer group
//	assign.go      their rows in sink_ledger, made before the first fetch; start.go says where
//	pipeline.go    one straight pipeline for each partition; identity.go says whether its log is still the one that was read, turn.go which memory
//	               it may use, queue.go who comes next where connections or memory are scarce:
//	  fetch.go       from the leader: chunks of the log, over internal/partlog
//	  decode.go      records to rows (packages serde and schema), dead letters and counts: a batch (batch.go, deadletter.go)
//	  put.go         batches in order, each written however often it takes, unless breaker.go says that too much would be buried
//	  write.go       one batch, one transaction: COPY, dead letters, compare-and-set of the ledger, COMMIT
//	commit.go      the offset to Kafka, for lag tools only
//
// sink.go holds the loop over generations, backfill.go and summary.go a run with an end. classify.go decides what is done about a write
// that failed, retry.go waits for servers, bisect.go finds the record that PostgreSQL refuses, adapt.go makes room for large
// batches, halt.go stops a partition, watch.go sees what changes outside. ledger.go is the positions, sql.go every statement, state.go
// and metrics.go what others may know, points.go where tests may stop it. Connections are package servers' matter.
//
// What always holds, whatever is killed, frozen or cut off:
//
//   - Rows and the position that covers them become durable in one transaction, and only if the ledger was where the batch begins. So no
//     record is stored twice, without a unique index, and a member that lost its partition without noticing stores nothing.
//   - After any doubt (no answer to COMMIT, a lost connection, a failed compare-and-set) the ledger is read, and what it says counts.
//   - next - first of a ledger row is the sum of its counts, each counted where it was read.
//   - A failure goes up as an error behind the data that came before it; a stop comes down as a context. There are two: stop (fetch no more,
//     finish what is begun) and work (give up, roll back), which follows stop after DrainTimeout.
//   - Memory is shared out when partitions are assigned, some of it to be used in turns. A pipeline has all that it needs before it fetches, and
//     none waits for a turn for ever: in a backfill the one with the largest share left to do comes next, in a run the one that asked first.
package sink
