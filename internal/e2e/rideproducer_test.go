package e2e

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ridesink/internal/localenv"
)

// rideproducer_test.go builds and drives the producer in testdata/rideproducer: a program in Java that writes Avro, JSON Schema and Protobuf with the
// libraries of these formats and says what it meant. registry_test.go compares that with PostgreSQL.

const (
	producerSources = "testdata/rideproducer"
	protobufVersion = "4.36.2"
	protocVersion   = "4.36.2"
)

// producerProject is what Maven is asked for: the formats' libraries, a Kafka client, and the compiler of Protobuf for this machine.
func producerProject() string {
	system := map[string]string{"darwin": "osx"}[runtime.GOOS]
	if system == "" {
		system = runtime.GOOS
	}
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch_64"}[runtime.GOARCH]
	dependency := func(group, artifact, version, more string) string {
		return fmt.Sprintf("<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>%s</dependency>\n", group, artifact, version, more)
	}
	return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>ridesink</groupId><artifactId>rideproducer</artifactId><version>1</version><packaging>pom</packaging><dependencies>
` + dependency("org.apache.avro", "avro", "1.12.2", "") +
		dependency("com.google.protobuf", "protobuf-java", protobufVersion, "") +
		dependency("com.google.protobuf", "protoc", protocVersion, "<type>exe</type><classifier>"+system+"-"+machine+"</classifier>") +
		dependency("org.apache.kafka", "kafka-clients", localenv.KafkaVersion, "") +
		dependency("org.slf4j", "slf4j-nop", "2.0.20", "") +
		"</dependencies></project>\n"
}

// buildProducer returns the class path of the producer. It is built once for this user, and again when it changes.
func buildProducer(ctx context.Context) (string, error) {
	project := producerProject()
	jars, err := localenv.FetchJars(ctx, fmt.Sprintf("rideproducer-jars-%.4x", sha256.Sum256([]byte(project))), project)
	if err != nil {
		return "", err
	}
	sources := sha256.New()
	fmt.Fprint(sources, project)
	var protos []string
	err = filepath.WalkDir(producerSources, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if filepath.Ext(path) == ".proto" {
			protos = append(protos, path)
		}
		content, err := os.ReadFile(path) // also what only the running program reads, so that go test takes no result from before a change
		fmt.Fprintf(sources, "%s %d %s", path, len(content), content)
		return err
	})
	if err != nil {
		return "", err
	}
	program := filepath.Join(producerSources, "RideProducer.java")
	classes, err := localenv.Fetch(ctx, fmt.Sprintf("rideproducer-%.4x", sources.Sum(nil)), func(dir string) error {
		generated, err := generateFromProtos(ctx, jars, dir, protos)
		if err != nil {
			return err
		}
		return localenv.CompileJava(ctx, jars, dir, append(generated, program)...)
	})
	return classes + string(os.PathListSeparator) + filepath.Join(jars, "*"), err
}

// generateFromProtos has Protobuf's compiler write classes below dir and returns their files.
func generateFromProtos(ctx context.Context, jars, dir string, protos []string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(jars, "protoc-*.exe"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("protoc is not in %s: %v %w", jars, found, err)
	}
	if err := os.Chmod(found[0], 0o755); err != nil { // as it comes, it may not be run
		return nil, err
	}
	library := filepath.Join(jars, "protobuf-java-"+protobufVersion+".jar")
	if err := unzipProtos(library, dir); err != nil {
		return nil, err
	}
	for _, proto := range protos { // one by one, for two versions of a message in one call would be one too many
		if out, err := exec.CommandContext(ctx, found[0], "--java_out="+dir, "-I"+dir, "-I"+producerSources, proto).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("protoc: %w:\n%s", err, out)
		}
	}
	return filepath.Glob(filepath.Join(dir, "*", "*.java")) // a package each
}

// unzipProtos writes the definitions that the library brings, such as google/protobuf/timestamp.proto, below dir.
func unzipProtos(library, dir string) error {
	files, err := zip.OpenReader(library)
	if err != nil {
		return err
	}
	defer files.Close()
	for _, file := range files.File {
		if !strings.HasSuffix(file.Name, ".proto") || !filepath.IsLocal(file.Name) {
			continue
		}
		in, err := file.Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(in)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, file.Name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file.Name), content, 0o600)
		}
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return nil
}

// account is what the producer says about a record that was acknowledged.
type account struct {
	Shape     string            `json:"shape"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Tombstone bool              `json:"tombstone"`
	Columns   map[string]string `json:"columns"` // as Java prints the values
	Extra     json.RawMessage   `json:"extra"`

	Done string `json:"done"` // alone: the order that has come to its end
}

// rideProducer is a running producer. It ends with the test.
type rideProducer struct {
	t       testing.TB
	orders  io.Writer
	answers *bufio.Scanner
	stderr  *output
}

// startProducer starts a producer into the scene's first topic, or skips the test where there is no Java.
func (s scene) startProducer(registryURL string, partitions int) *rideProducer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute) // the first time it fetches
	defer cancel()
	java, err := localenv.FindJava(ctx)
	classpath := ""
	if err == nil {
		classpath, err = buildProducer(ctx)
	}
	if errors.Is(err, localenv.ErrNoJava) && !localenv.InCI() {
		s.t.Skip(err)
	}
	if err != nil {
		s.t.Fatalf("build the producer: %v", err)
	}
	schemas, err := filepath.Abs(producerSources)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &rideProducer{t: s.t, stderr: &output{}}
	c := exec.Command(java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-cp", classpath, "RideProducer",
		strings.Join(s.brokers, ","), registryURL, s.topic(), fmt.Sprint(partitions), fmt.Sprint(random(s.t).Int64()), schemas)
	c.Stderr = p.stderr
	orders, err := c.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	answers, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatalf("start the producer: %v", err)
	}
	p.orders, p.answers = orders, bufio.NewScanner(answers)
	s.t.Cleanup(func() { // it ends with its input, also when this process is killed
		_ = orders.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return p
}

// obey gives an order and returns the accounts of what was sent for it.
func (p *rideProducer) obey(order string) []account {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.orders, order); err != nil {
		p.t.Fatalf("the producer takes no order: %v; stderr: %s", err, tail(p.stderr.String()))
	}
	var accounts []account
	for p.answers.Scan() {
		var a account
		if err := json.Unmarshal(p.answers.Bytes(), &a); err != nil {
			p.t.Fatalf("the producer says %q: %v", p.answers.Text(), err)
		}
		if a.Done != "" {
			return accounts
		}
		accounts = append(accounts, a)
	}
	p.t.Fatalf("the producer ended (%v); stderr: %s", p.answers.Err(), tail(p.stderr.String()))
	return nil
}
