// Package localenv starts PostgreSQL, Kafka and a Schema Registry on this machine, for tests, benchmarks and the demo. Nothing that is shipped imports it.
//
// What there is:
//
//   - StartPostgres: a server of the test's own, from installed binaries, else from ones that are fetched once and cached. Run by root, the
//     server runs as the user postgres or nobody, because PostgreSQL refuses to be root.
//   - StartKafka: a real Kafka in KRaft mode, one node or several, from Maven Central, fetched once and cached. It needs Java.
//   - StartFakeKafka: brokers inside this process, for what a real one cannot be made to do and where there is no Java.
//   - StartRegistry: a real Schema Registry, Apicurio with its interface like Confluent's, from Maven Central, fetched once and cached. It needs Java.
//   - Database, Brokers, Topic and Main: what tests call. They share one PostgreSQL and one Kafka a process, or use those that
//     TEST_DATABASE_URL and TEST_KAFKA_BROKERS name; the program in withservers starts both once for a whole `go test ./...`.
//   - SchemaRegistry: what tests call for a registry, one a process.
//
// How it is cleaned up: everything of a server lives in one directory, and a watchdog process (guard.go) stops the server and
// removes the directory when Stop is called or when this process is gone, however it ended. Nothing has a fixed port (port.go).
//
// The environment: RIDESINK_POSTGRES (auto, embedded, or a directory with the server's binaries), RIDESINK_MAVEN_REPOSITORY (instead of
// Maven Central), JAVA_HOME, HTTPS_PROXY and NO_PROXY, XDG_CACHE_HOME, TMPDIR, CI (true: what is missing fails a test instead of skipping it).
// It works on Linux and macOS.
package localenv
