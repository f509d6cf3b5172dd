package localenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// kafka_fetch.go gets Kafka's jars from Maven Central and finds a Java to run them.

const (
	// KafkaVersion is the Kafka that StartKafka runs.
	KafkaVersion = "4.4.0"
	oldestJava   = 17
)

// ErrNoJava is returned by StartKafka, FindJava and FetchJars where Java, or Maven to fetch jars with, is not installed.
var ErrNoJava = errors.New("this needs Java 17 or newer, and Maven the first time (such as apt-get install openjdk-17-jre-headless maven)")

// kafkaProject is what Maven is asked for: the broker, what it needs at run time, and a logger that prints.
const kafkaProject = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ridesink</groupId><artifactId>localenv</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + KafkaVersion + `</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`

// fetchKafka returns the directory with Kafka's jars. They are fetched once for this user: 43 MB.
func fetchKafka(ctx context.Context) (string, error) {
	return FetchJars(ctx, "kafka-"+KafkaVersion, kafkaProject)
}

// javaVersion finds the major version in `java -version`: 17 in "17.0.15", 8 in "1.8.0_402".
var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// FindJava returns the java of JAVA_HOME, else of PATH, if it is new enough.
func FindJava(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	java, err := exec.LookPath(java)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoJava, err)
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		// macOS has a java that only says that there is none.
		return "", fmt.Errorf("%w: %s -version: %w", ErrNoJava, java, err)
	}
	match := javaVersion.FindSubmatch(out)
	if match == nil {
		return "", fmt.Errorf("%w: %s -version does not print a version", ErrNoJava, java)
	}
	if major, err := strconv.Atoi(string(match[1])); err != nil || major < oldestJava {
		return "", fmt.Errorf("%w: %s is version %s; JAVA_HOME can name another", ErrNoJava, java, match[1])
	}
	return java, nil
}
