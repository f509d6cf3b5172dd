// Peers compares ridesink with what people use instead, on this machine, in one run:
//
//	go run ./bench/peers                          # what `make bench-peers` does
//	go run ./bench/peers -short                   # few rides, once: does it work?
//	go run ./bench/peers -rides 4000000 -runs 3 -peers ridesink,flink -kill=false
//
// It starts a real Kafka and a PostgreSQL with its default durability, fills a topic of four partitions, and has every peer move it into an
// empty table, in turns. Rows and sums are checked after each turn. Then each peer is killed with kill -9 when half of the rows are there, and
// started again as its documentation says: which rows are there twice, and which are lost?
//
//	rides.go      the topic, and what has to come out
//	servers.go    Kafka, PostgreSQL, a directory for files
//	peer.go       what a peer is; ridesink.go, flink.go, debezium.go and python.go are the four, with their settings
//	process.go    a peer's process: its CPU time, its memory, its end
//	table.go      a peer's table: how many rows, which sums, when they were committed
//	turn.go       one turn of one peer, undisturbed or with a kill
//	report.go     results as text and in docs/performance.md
//
// It needs what tests against a real Kafka need (Java 17 and Maven), and of Java the compiler; for the Python consumer Python 3 with venv.
// Jars and Python packages are fetched once, into the user's cache.
package main
