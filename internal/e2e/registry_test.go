package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ridesink/internal/localenv"
)

// registry_test.go: rides in the wire format of a Schema Registry, which is a real one, from producers that share no code with the sink.

// TestRegistryFormats holds: Avro, JSON Schema and Protobuf in two versions each, plain JSON and tombstones, all mixed in one topic, with keys of every
// kind: each value is stored as the producer meant it, and sink verify proves the same.
func TestRegistryFormats(t *testing.T) {
	t.Parallel()
	const partitions = 4
	registry := localenv.SchemaRegistry(t)
	s := newScene(t, partitions).withRegistry(registry)
	accounts := s.startProducer(registry, partitions).obey("send 1,2 2800")
	records := s.sent(accounts)
	checkLog(t, s.brokers, records, s.topic())
	s.checkFrames(registry, accounts, records)
	s.backfilled(0)
	s.checkStored(records)
	s.checkAtEnd(t)
	s.verified(0)
}

// waitUntilReady waits until a running sink says that it misses nothing.
func (s scene) waitUntilReady(address string) {
	s.t.Helper()
	eventually(s.t, time.Minute, "/readyz to say yes", func() (bool, string) {
		status, body := get(s.t, address, "/readyz")
		return status == http.StatusOK, fmt.Sprint(status, " ", body)
	})
}

// waitUntilAway waits until a running sink says that it waits for the registry.
func (s scene) waitUntilAway(address string) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, "/readyz to say that the registry is away", func() (bool, string) {
		status, body := get(s.t, address, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "schema_registry is away"), fmt.Sprint(status, " ", body)
	})
}

// startRegistry starts a registry of the test's own.
func startRegistry(t testing.TB) *localenv.Registry {
	t.Helper()
	registry, err := localenv.StartRegistry(t.Context())
	if errors.Is(err, localenv.ErrNoJava) && !localenv.InCI() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Stop(); err != nil {
			t.Error(err)
		}
	})
	return registry
}

// TestRegistryRestarted holds: while the registry is away, what needs none of its schemas that are not known yet is stored, the rest is waited for and
// never a dead letter; /readyz and the log say why; when it is back everything is stored.
func TestRegistryRestarted(t *testing.T) {
	t.Parallel()
	const partitions = 3
	registry := startRegistry(t)
	s := newScene(t, partitions).withRegistry(registry.URL())
	producer := s.startProducer(registry.URL(), partitions)
	accounts := producer.obey("send 1 600")
	producer.obey("register 2") // the sink does not hear of these ids
	address := closedPort(t)
	p := s.run("--http-addr=" + address)
	s.waitForEnd(time.Minute)

	registry.Kill()
	accounts = append(accounts, producer.obey("send 1 300")...)
	s.waitForEnd(30 * time.Second)
	accounts = append(accounts, producer.obey("send 1,2 1400")...)
	s.waitUntilAway(address)
	if !p.logged("outage") {
		t.Errorf("the log has no line about it: %s", tail(p.stderr.String()))
	}
	if err := registry.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.waitForEnd(time.Minute)
	s.waitUntilReady(address)
	if !p.logged("recovered") {
		t.Errorf("the log does not say that it is over: %s", tail(p.stderr.String()))
	}
	records := s.sent(accounts)
	checkLog(t, s.brokers, records, s.topic())
	s.checkStored(records)
}

// TestRegistryAwayAtStop holds: also what is no registry's answer, such as another server's 404, makes no dead letters; a sink that waits for a schema
// ends in order, none begins, and a later one stores everything, also if the first address it is given is nobody's.
func TestRegistryAwayAtStop(t *testing.T) {
	t.Parallel()
	const partitions = 2
	registry := localenv.SchemaRegistry(t)
	d := startDoor(t, registry)
	s := newScene(t, partitions).withRegistry(d.url, d.login())
	producer := s.startProducer(registry, partitions)
	address := closedPort(t)
	p := s.run("--http-addr=" + address)
	s.waitUntilReady(address)
	d.close(true)
	accounts := producer.obey("send 1,2 700")
	s.waitUntilAway(address)
	p.signal(syscall.SIGTERM)
	p.wantExit(0, stopBound)
	for _, command := range []string{"backfill", "verify"} {
		p := s.start(command, "--quiet")
		p.wantExit(3, 30*time.Second)
		if said := p.stderr.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "schema registry") {
			t.Errorf("sink %s says %q", command, said)
		}
	}
	d.close(false)
	s.withRegistry("http://"+closedPort(t)+","+d.url, d.login()).backfilled(0)
	records := s.sent(accounts)
	checkLog(t, s.brokers, records, s.topic())
	s.checkStored(records)
}

// TestRegistryUnknownSchema holds, with a registry that wants a login: without it or with a wrong one sink backfill says so in one line and ends with 3;
// a schema that the registry does not have makes dead letters of its records and of no other; once it has the schema, sink verify finds them as they were and
// a retry makes rides of them; what is no value of that schema is then said to be that, and an id that never was stays unknown. Of each schema the registry is asked a few times, not for each record.
func TestRegistryUnknownSchema(t *testing.T) {
	t.Parallel()
	const partitions = 2
	registry := localenv.SchemaRegistry(t)
	s := newScene(t, partitions)
	accounts := s.startProducer(registry, partitions).obey("send 1,2 700")
	records := s.sent(accounts)
	d := startDoor(t, registry)

	for _, login := range []string{"", "SCHEMA_REGISTRY_USER_INFO=" + d.user + ":a-wrong-password"} {
		p := s.withRegistry(d.url, login).backfill()
		p.wantExit(3, 30*time.Second)
		if said := p.stderr.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "401") || strings.Contains(said, "a-wrong-password") {
			t.Errorf("with login %q it says %q", login, said)
		}
	}

	s = s.withRegistry(d.url, d.login())
	var hidden uint32
	for i := range records {
		if id, ok := schemaOf(records[i].record.Value); ok && accounts[i].Shape == "avro, version 2" {
			hidden = id
			records[i].fate, records[i].reason = isDead, "unknown_schema"
		}
	}
	d.hide(hidden, true)
	never := sent{fate: isDead, reason: "unknown_schema", record: &kgo.Record{
		Topic: s.topic(), Timestamp: epoch(), Value: inFrame(999_999, records[0].record.Value), Key: inFrame(999_999, []byte{0, 0, 0, 0, 0, 2}),
	}}
	s.publish([]sent{never})
	records = append(records, never)
	noRide := sent{fate: isDead, reason: "unknown_schema", record: &kgo.Record{Topic: s.topic(), Timestamp: epoch(), Value: []byte{0, 0, 0, 0, 0, 1}}}
	binary.BigEndian.PutUint32(noRide.record.Value[1:], hidden)
	s.publish([]sent{noRide})
	s.backfilled(4)
	s.checkStored(append(slices.Clone(records), noRide))
	s.verified(0)

	d.hide(hidden, false)
	rides := int64(0)
	for i := range records {
		if id, ok := schemaOf(records[i].record.Value); ok && id == hidden {
			rides++
			records[i].fate, records[i].reason = isRide, ""
		}
	}
	if v := s.verified(0); v.Totals.Decodable != rides {
		t.Errorf("verify says that %d dead letters would be rides now, want %d", v.Totals.Decodable, rides)
	}
	s.deadletters(0, "retry", "--reason", "unknown_schema")
	noRide.reason = "invalid_avro"
	records = append(records, noRide)
	s.checkStored(records)
	s.backfilled(4)
	s.verified(0)

	d.mu.Lock()
	defer d.mu.Unlock()
	for path, times := range d.asked {
		if times > 50 {
			t.Errorf("%s was asked for %d times", path, times)
		}
	}
}
