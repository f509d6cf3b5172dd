// Package e2e tests the sink as its users meet it: the built binary as a child process, a real Kafka, a real PostgreSQL, and nothing
// of its own code inside the oracle. It holds tests only.
//
// What is expected never comes from the code under test:
//
//   - rides come from a CSV file through encoding/csv, or from a seeded generator in the shape of that file (csv_test.go), and the
//     six dialects are written here, byte by byte, from the CSV text (dialects_test.go);
//   - values in the wire format of a Schema Registry come from a program in Java, which writes them with the libraries of their formats and gives an
//     account of what it meant (rideproducer_test.go, testdata/rideproducer); the registry is a real one;
//   - what a topic holds is the producer's list of acknowledged records and, independently, a read_committed consumer of franz-go
//     (log_test.go, readback_test.go);
//   - what PostgreSQL holds is asked in SQL and compared as text (database_test.go, ledger_test.go).
//
// A test makes a scene (scene_test.go): topics, a group and a schema of its own. It starts sinks in it (process_test.go), if need be
// with a relay between them and PostgreSQL that holds a message back at a byte of the test's choosing (relay_test.go), and looks at
// what is left. Nothing sleeps: wait_test.go polls until a condition holds and prints the last state when it does not.
//
// A test named TestFault... plays a row of the table in docs/reliability.md: a trial (trial_test.go) plays many cases of a fault in one scene,
// checks positions and counts after each, and every value after the last; faults_test.go counts the cases, faultsreport makes the table.
// The binary is built with the tag faultpoints: RIDESINK_FAULTPOINT=afterCopy:2:KILL has it send itself a signal there.
//
// Environment:
//
//	TEST_FULL=1           longer forms: more kills, more rounds of faults
//	TEST_SEED=N           the seed of everything random; printed by each test that uses it
//	TEST_FAULTS_REPORT=PATH append what was survived, for faultsreport
//	TEST_FAULTS_PERCENT=N a share of the cases of TEST_FULL, if that is more than the short form
//	TEST_SOAK=30m         how long TestSoak lasts, which plays everything at once; it skips without (soak_test.go)
//	TEST_SINK_RACE=1      build the binary with the race detector
//	TEST_SINK_BINARY=PATH test this binary instead of building one
//	RIDESINK_RIDES_CSV    the file of real rides; without it and without a default, tests on real rides skip and say so
package e2e
