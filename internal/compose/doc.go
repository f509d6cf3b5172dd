// Package compose reads docker-compose.yml as docker compose does, without an engine, for the tests that hold it to the sink: that each
// service's command line and environment are ones that the sink understands (cmd/sink/compose_test.go), that the file says what it should
// (file_test.go), and that the same commands, run as processes on this machine, bring rides into PostgreSQL (processes_test.go).
package compose
