// Package latency measures how long a ride takes from the call that produces it to the moment at which a SELECT finds it, and what the
// machine does meanwhile. It needs Linux, whose /proc knows what each process used.
//
//	options.go   what is measured, and Measure and Idle, which do it
//	trial.go     one case: a topic and a schema of its own, the sink, a warm-up, the measured time
//	send.go      rides at a steady rate
//	poll.go      when each became visible
//	check.go     whether what the poller believes is true
//	program.go   the sink as a process
//	usage.go     what the processes and the machine used; find.go finds the servers' processes
//	spread.go    many latencies in a few numbers; print.go for people
//
// The load is an open loop: the time of each ride is fixed before the first is sent, and its latency counts from that time, so that a stall
// of anything, the generator included, shows in every ride that it delays.
//
// Rides have no index, and a search for each would cost more than the sink. So the poller asks sink_ledger for the next position of every
// partition. That is the same: the sink stores the rows and moves the position in one transaction, and a transaction becomes visible as a
// whole. So whoever sees the position p sees every row below p, and nobody sees those rows earlier. check.go compares the two in one snapshot
// while rides arrive, and all rows at the end.
//
// A ride counts as visible when the answer is here that shows it for the first time. That is late by up to the poller's interval and one
// answer, never early. The poller's own work is in all numbers; Result has what the machine does with generator and poller but no sink.
package latency
