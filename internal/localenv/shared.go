package localenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// shared.go holds the servers that all tests of a process use (testenv.go): those that the environment names, else ones that the first
// test that asks starts.

// The environment variables that name servers that are already there.
const (
	DatabaseVariable = "TEST_DATABASE_URL"  // postgres://USER:PASSWORD@HOST:PORT/DATABASE of somebody who may create schemas
	BrokersVariable  = "TEST_KAFKA_BROKERS" // HOST:PORT,HOST:PORT
)

// shared are the servers of this process. Main ends them; without Main the watchdogs do, when the process has ended.
var shared = newServers() //nolint:gochecknoglobals // tests of one process share servers, whichever of them asks first

// servers are started when they are asked for, once.
type servers struct {
	database func() (string, error)
	brokers  func() ([]string, error)
	schemas  func() (string, error)

	mu       sync.Mutex
	postgres *Postgres
	kafka    *Kafka
	registry *Registry
}

func newServers() *servers {
	s := &servers{}
	s.database = sync.OnceValues(s.findDatabase)
	s.brokers = sync.OnceValues(s.findBrokers)
	s.schemas = sync.OnceValues(s.findRegistry)
	return s
}

// firstStart is how long a start may take that has to fetch the server.
const firstStart = 5 * time.Minute

func (s *servers) findDatabase() (string, error) {
	if given := os.Getenv(DatabaseVariable); given != "" {
		return given, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstStart)
	defer cancel()
	postgres, err := StartPostgres(ctx, PostgresOptions{})
	if err != nil {
		return "", fmt.Errorf("%w\n(or name a server in %s)", err, DatabaseVariable)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.postgres = postgres
	return postgres.URL(), nil
}

func (s *servers) findBrokers() ([]string, error) {
	if given := os.Getenv(BrokersVariable); given != "" {
		return strings.Split(given, ","), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstStart)
	defer cancel()
	kafka, err := StartKafka(ctx, KafkaOptions{})
	if err != nil {
		return nil, fmt.Errorf("%w\n(or name brokers in %s)", err, BrokersVariable)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kafka = kafka
	return kafka.Brokers(), nil
}

func (s *servers) findRegistry() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), firstStart)
	defer cancel()
	registry, err := StartRegistry(ctx)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registry = registry
	return registry.URL(), nil
}

// stop ends what was started.
func (s *servers) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.postgres != nil {
		err = s.postgres.Stop()
	}
	if s.kafka != nil {
		err = errors.Join(err, s.kafka.Stop())
	}
	if s.registry != nil {
		err = errors.Join(err, s.registry.Stop())
	}
	return err
}

// InCI says that this is a machine that must have everything: nothing may be skipped.
func InCI() bool {
	ci, err := strconv.ParseBool(os.Getenv("CI"))
	return ci && err == nil
}
