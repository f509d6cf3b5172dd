package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debezium.go: Debezium's JDBC sink in Kafka Connect's standalone mode.

const (
	debeziumVersion  = "3.6.0.Final"
	connectVersion   = "4.3.1"
	hibernateVersion = "7.2.0.Final"
)

func debezium() *peer {
	var running *program
	return &peer{
		name:  "debezium",
		title: "Debezium JDBC sink",
		setting: fmt.Sprintf("Debezium %s in Kafka Connect %s, standalone, PostgreSQL driver %s; `tasks.max` %d, `insert.mode` insert, `batch.size` and "+
			"`consumer.override.max.poll.records` 1000 (larger batches and UNNEST were slower), times as text with `stringtype=unspecified`, "+
			"a converter that puts a fixed schema onto the JSON; Connect's default heap of 2 GiB and commit of offsets every 60 s",
			debeziumVersion, connectVersion, postgresJDBC, partitions),
		columns: rideColumns,
		fetch: func(ctx context.Context, s *servers) (err error) {
			running, err = build(ctx, s, "debezium-jdbc-"+debeziumVersion, project(
				// It asks for hibernate-agroal under a name that it no longer has.
				"io.debezium:debezium-connector-jdbc:"+debeziumVersion+":org.hibernate/hibernate-agroal",
				"org.hibernate.orm:hibernate-agroal:"+hibernateVersion,
				"org.postgresql:postgresql:"+postgresJDBC,
				"org.apache.kafka:connect-runtime:"+connectVersion,
				"org.apache.kafka:connect-json:"+connectVersion,
				"org.apache.kafka:connect-transforms:"+connectVersion,
				"org.slf4j:slf4j-simple:1.7.36",
			), "debezium/RideConverter.java")
			return err
		},
		command: func(s *servers, t *turn) (*exec.Cmd, error) {
			worker, err := writeProperties(t, "worker.properties",
				"bootstrap.servers="+strings.Join(s.brokers, ","),
				"key.converter=org.apache.kafka.connect.storage.StringConverter",
				"value.converter=RideConverter",
				"offset.storage.file.filename="+filepath.Join(t.dir, "offsets"),
				"listeners=http://127.0.0.1:0",
			)
			if err != nil {
				return nil, err
			}
			connector, err := writeProperties(t, "connector.properties",
				"name="+t.group,
				"connector.class=io.debezium.connector.jdbc.JdbcSinkConnector",
				"topics="+t.topic.name,
				fmt.Sprintf("tasks.max=%d", partitions),
				"consumer.override.auto.offset.reset=earliest",
				"consumer.override.max.poll.records=1000",
				"batch.size=1000",
				"connection.url="+s.jdbcURL(t.peer.name)+"&stringtype=unspecified",
				"connection.username="+s.user(),
				"connection.password="+s.password(),
				"insert.mode=insert",
				"primary.key.mode=none",
				"schema.evolution=none",
				"collection.name.format=rides",
			)
			if err != nil {
				return nil, err
			}
			return exec.Command(running.java, "-Xms256m", "-Xmx2g", "-Djava.io.tmpdir="+t.dir, //nolint:noctx // startProcess owns it
				"-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", running.classpath(),
				"org.apache.kafka.connect.cli.ConnectStandalone", worker, connector), nil
		},
	}
}

// writeProperties writes a file of settings into the turn's directory.
func writeProperties(t *turn, name string, lines ...string) (string, error) {
	path := filepath.Join(t.dir, name)
	return path, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}
