package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ridesink/internal/localenv"
)

// peer.go: what a peer is. Each has a file of its own with its versions and settings.

// peer is one way to move rides from Kafka to PostgreSQL.
type peer struct {
	name    string // in -peers, and of its schema
	title   string
	setting string // versions and settings, for a reader of the results
	// columns of its table, "" if it makes its table itself, by prepare.
	columns string
	// slow: it gets slowRides rides of its own, since it would take minutes for more.
	slow bool
	// ends: its process ends by itself when all is done.
	ends bool
	// fetch gets and builds its programs, once.
	fetch func(ctx context.Context, s *servers) error
	// prepare is called before each turn, when its schema is there and empty. It may be nil.
	prepare func(ctx context.Context, s *servers, t *turn) error
	// command says how it is started in a turn: the first time, and again after a kill.
	command func(s *servers, t *turn) (*exec.Cmd, error)
}

// peers are all of them, in the order of the results.
func peers() []*peer { return []*peer{ridesink(), flink(), debezium(), python()} }

// choose finds peers by their names.
func choose(names string) ([]*peer, error) {
	var chosen []*peer
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, p := range peers() {
			if p.name == strings.TrimSpace(name) {
				chosen = append(chosen, p)
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("-peers: there is no %q, only ridesink, flink, debezium and python", name)
		}
	}
	return chosen, nil
}

// rideColumns are the 18 of a yellow taxi's ride, as peers get them. Money is a double, which is what they are quickest with.
const rideColumns = `vendor_id int, pickup_datetime timestamp, dropoff_datetime timestamp, passenger_count int, trip_distance double precision,
	rate_code_id int, store_and_fwd_flag text, pickup_location_id int, dropoff_location_id int, payment_type int, fare_amount double precision,
	extra double precision, mta_tax double precision, tip_amount double precision, tolls_amount double precision,
	improvement_surcharge double precision, total_amount double precision, congestion_surcharge double precision`

// sources are what runs inside the peers.
//
//go:embed flink/RunSql.java flink/rides.sql debezium/RideConverter.java python/consumer.py
var sources embed.FS

// unpack writes one of the sources into dir and returns its path.
func unpack(source, dir string) (string, error) {
	content, err := sources.ReadFile(source)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(source))
	return path, os.WriteFile(path, content, 0o600)
}

// program is a program in Java.
type program struct{ java, classes, jars string }

// classpath is the program's own classes, then its jars.
func (p *program) classpath() string {
	return p.classes + string(os.PathListSeparator) + filepath.Join(p.jars, "*")
}

// build fetches jars and compiles a source against them. The jars are kept under a name that is another for each project.
func build(ctx context.Context, s *servers, name, project, source string) (*program, error) {
	java, err := localenv.FindJava(ctx)
	if err != nil {
		return nil, err
	}
	name = fmt.Sprintf("%s-%x", name, sha256.Sum256([]byte(project)))[:len(name)+9]
	jars, err := localenv.FetchJars(ctx, name, project)
	if err != nil {
		return nil, err
	}
	p := &program{java: java, jars: jars, classes: filepath.Join(s.dir, name)}
	if err := os.MkdirAll(p.classes, 0o755); err != nil {
		return nil, err
	}
	path, err := unpack(source, p.classes)
	if err != nil {
		return nil, err
	}
	if err := localenv.CompileJava(ctx, jars, p.classes, path); err != nil {
		return nil, err
	}
	return p, nil
}

// project is what Maven is asked for. A dependency is group:artifact:version.
func project(dependencies ...string) string {
	var b strings.Builder
	b.WriteString(`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>ridesink</groupId><artifactId>peers</artifactId><version>1</version><packaging>pom</packaging><dependencies>
`)
	for _, d := range dependencies {
		part := strings.Split(d, ":")
		fmt.Fprintf(&b, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>", part[0], part[1], part[2])
		for _, e := range part[3:] { // without artifacts of the same group as this, such as org.hibernate/hibernate-agroal
			group, artifact, _ := strings.Cut(e, "/")
			fmt.Fprintf(&b, "<exclusions><exclusion><groupId>%s</groupId><artifactId>%s</artifactId></exclusion></exclusions>", group, artifact)
		}
		b.WriteString("</dependency>\n")
	}
	b.WriteString("</dependencies></project>\n")
	return b.String()
}
