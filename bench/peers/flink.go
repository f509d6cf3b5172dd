package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// flink.go: Flink SQL, from its Kafka connector to its JDBC connector, in a cluster inside one process.

const (
	flinkVersion       = "2.2.0"
	flinkKafkaVersion  = "4.0.1-2.0"
	flinkJDBCVersion   = "4.0.0-2.0"
	postgresJDBC       = "42.7.8"
	flinkCheckpointing = time.Second // as in the examples of its documentation
)

func flink() *peer {
	var running *program
	return &peer{
		name:  "flink",
		title: "Flink SQL to JDBC",
		setting: fmt.Sprintf("Flink %s, Kafka connector %s, JDBC connector %s, PostgreSQL driver %s; parallelism %d, `sink.buffer-flush.max-rows` 5000, "+
			"`reWriteBatchedInserts`, a checkpoint every %.0f s (exactly-once mode), started again from the last one; 2 GiB heap",
			flinkVersion, flinkKafkaVersion, flinkJDBCVersion, postgresJDBC, partitions, flinkCheckpointing.Seconds()),
		columns: rideColumns,
		ends:    true,
		fetch: func(ctx context.Context, s *servers) (err error) {
			running, err = build(ctx, s, "flink-"+flinkVersion, project(
				"org.apache.flink:flink-table-planner_2.12:"+flinkVersion,
				"org.apache.flink:flink-table-runtime:"+flinkVersion,
				"org.apache.flink:flink-table-api-java-bridge:"+flinkVersion,
				"org.apache.flink:flink-clients:"+flinkVersion,
				"org.apache.flink:flink-json:"+flinkVersion,
				"org.apache.flink:flink-connector-base:"+flinkVersion,
				"org.apache.flink:flink-connector-kafka:"+flinkKafkaVersion,
				"org.apache.flink:flink-connector-jdbc-core:"+flinkJDBCVersion,
				"org.apache.flink:flink-connector-jdbc-postgres:"+flinkJDBCVersion,
				"org.postgresql:postgresql:"+postgresJDBC,
				"org.slf4j:slf4j-simple:1.7.36",
			), "flink/RunSql.java")
			return err
		},
		command: func(s *servers, t *turn) (*exec.Cmd, error) {
			script, err := flinkScript(s, t)
			if err != nil {
				return nil, err
			}
			checkpoints := filepath.Join(t.dir, "checkpoints")
			args := []string{
				"-Xmx2g", "-Djava.io.tmpdir=" + t.dir, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", running.classpath(),
				"RunSql", script, strconv.Itoa(partitions),
				fmt.Sprintf("execution.checkpointing.interval=%d ms", flinkCheckpointing.Milliseconds()),
				"execution.checkpointing.mode=EXACTLY_ONCE",
				"execution.checkpointing.dir=file://" + checkpoints,
				"execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION",
			}
			if last := lastCheckpoint(checkpoints); last != "" {
				args = append(args, "execution.state-recovery.path=file://"+last)
			}
			return exec.Command(running.java, args...), nil //nolint:noctx // startProcess owns it
		},
	}
}

// flinkScript writes the SQL of a turn.
func flinkScript(s *servers, t *turn) (string, error) {
	content, err := sources.ReadFile("flink/rides.sql")
	if err != nil {
		return "", err
	}
	script, err := template.New("rides.sql").Parse(string(content))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = script.Execute(&b, map[string]string{
		"Topic": t.topic.name, "Brokers": strings.Join(s.brokers, ","), "Group": t.group,
		"JDBC": s.jdbcURL(t.peer.name), "User": s.user(), "Password": s.password(),
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(t.dir, "rides.sql")
	return path, os.WriteFile(path, b.Bytes(), 0o600)
}

// lastCheckpoint returns the newest complete checkpoint below dir, or "": the one with the highest number in chk-NUMBER/_metadata.
func lastCheckpoint(dir string) string {
	found, _ := filepath.Glob(filepath.Join(dir, "*", "chk-*", "_metadata")) // the pattern is a good one
	newest, last := -1, ""
	for _, path := range found {
		chk := filepath.Dir(path)
		if n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(chk), "chk-")); err == nil && n > newest {
			newest, last = n, chk
		}
	}
	return last
}
