package localenv

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// kafka.go runs a real Kafka. Its jars and Java: kafka_fetch.go; its settings: kafka_settings.go.

// KafkaOptions say which Kafka to start. The zero value is one node.
type KafkaOptions struct {
	// Nodes is how many brokers, each a controller too. Default 1. With more, topics have up to 3 replicas by default.
	Nodes int
	// Listeners are further ports for clients of each node: the security protocol by the listener's name. Settings say the rest. A name is of capitals.
	Listeners map[string]string
	// Settings are added to every node's server.properties, and win.
	Settings map[string]string
}

// Kafka is a cluster of real brokers of our own. It is for one goroutine at a time. Its owner calls Stop.
type Kafka struct {
	java, jars string
	dir        string
	guard      *guard
	nodes      []*node
}

// node is one broker, its ports and its files.
type node struct {
	id                 int // as Kafka counts: from 1
	dir                string
	client, controller *port
	others             map[string]*port // by the name of the listener
	process            *process
}

// StartKafka starts a cluster and returns when all of it answers, after about 5 s. The first time it fetches 43 MB. It returns ErrNoJava where
// that is what is missing. ctx bounds the start, not the cluster's life.
func StartKafka(ctx context.Context, o KafkaOptions) (_ *Kafka, err error) {
	k := &Kafka{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start Kafka: %w", err), k.Stop())
		}
	}()
	if k.java, err = FindJava(ctx); err != nil {
		return nil, err
	}
	if k.jars, err = fetchKafka(ctx); err != nil {
		return nil, err
	}
	for range 3 { // a stranger may take a port
		if err = k.start(ctx, o); !errors.Is(err, errExited) {
			break
		}
		err = errors.Join(err, k.Stop())
	}
	return k, err
}

// start makes a new cluster: its directory, its files, its processes.
func (k *Kafka) start(ctx context.Context, o KafkaOptions) (err error) {
	if k.dir, err = os.MkdirTemp("", "ridesink-kafka-"); err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	if k.guard, err = newGuard(k.dir); err != nil {
		return err
	}
	k.nodes = nil
	for id := 1; id <= max(1, o.Nodes); id++ {
		n := &node{id: id, dir: filepath.Join(k.dir, fmt.Sprintf("node-%d", id)), others: map[string]*port{}}
		k.nodes = append(k.nodes, n)
		if n.client, err = reservePort(); err != nil {
			return err
		}
		if n.controller, err = reservePort(); err != nil {
			return err
		}
		for name := range o.Listeners {
			if n.others[name], err = reservePort(); err != nil {
				return err
			}
		}
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // as text it must not begin with a hyphen, which would make it an option
	starting, ctx := errgroup.WithContext(ctx)
	for _, n := range k.nodes {
		starting.Go(func() error {
			if err := n.format(ctx, k, base64.RawURLEncoding.EncodeToString(id[:]), o); err != nil {
				return err
			}
			return k.launch(ctx, n)
		})
	}
	return starting.Wait()
}

// format writes the node's settings and its empty log directory.
func (n *node) format(ctx context.Context, k *Kafka, cluster string, o KafkaOptions) error {
	if err := os.Mkdir(n.dir, 0o755); err != nil {
		return fmt.Errorf("node %d: %w", n.id, err)
	}
	if err := os.WriteFile(n.properties(), properties(k.nodes, n, o), 0o600); err != nil {
		return fmt.Errorf("node %d: %w", n.id, err)
	}
	c := exec.CommandContext(ctx, k.java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", k.classpath(), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", n.properties())
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("format node %d: %w:\n%s", n.id, err, out)
	}
	return nil
}

func (n *node) properties() string { return filepath.Join(n.dir, "server.properties") }

func (k *Kafka) classpath() string { return filepath.Join(k.jars, "*") }

// launch starts a node and returns when it is part of the cluster.
func (k *Kafka) launch(ctx context.Context, n *node) (err error) {
	heap := "-Xmx1g"
	if len(k.nodes) > 1 {
		heap = "-Xmx512m"
	}
	n.process, err = startProcess(k.guard, launch{
		path: k.java, dir: n.dir, env: os.Environ(), log: filepath.Join(n.dir, "log"), lastSignal: "KILL",
		// Java unpacks native libraries into its temporary directory and removes them only when it may end in order.
		args: []string{heap, "-Djava.io.tmpdir=" + n.dir, "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", k.classpath(), "kafka.Kafka", n.properties()},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited %s", startPatience))
	defer cancel()
	err = n.process.waitFor(ctx, func(ctx context.Context) error { return k.answers(ctx, n) })
	if err != nil {
		return fmt.Errorf("node %d: %w", n.id, err)
	}
	return nil
}

// answers returns nil if a node says that the whole cluster is there. A client keeps what it was told for a while, so each attempt has
// a new one.
func (k *Kafka) answers(ctx context.Context, n *node) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.client.address()), kgo.RetryTimeout(time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	m, err := kadm.NewClient(client).BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	if len(m.Brokers) < len(k.nodes) {
		return fmt.Errorf("it sees %d of %d brokers", len(m.Brokers), len(k.nodes))
	}
	return nil
}

// Brokers are the addresses of all nodes, in order, also of those that were killed.
func (k *Kafka) Brokers() []string {
	addresses := make([]string, len(k.nodes))
	for i, n := range k.nodes {
		addresses[i] = n.client.address()
	}
	return addresses
}

// Listener are the addresses of all nodes for one of KafkaOptions.Listeners, in order.
func (k *Kafka) Listener(name string) []string {
	addresses := make([]string, len(k.nodes))
	for i, n := range k.nodes {
		addresses[i] = n.others[name].address()
	}
	return addresses
}

// Dir is where the cluster lives: node-1/log, node-1/data and so on.
func (k *Kafka) Dir() string { return k.dir }

// PID is the process of a node, counted from 0, for stopping it with SIGSTOP and for measuring.
func (k *Kafka) PID(node int) int { return k.nodes[node].process.cmd.Process.Pid }

// Kill ends a node, counted from 0, with SIGKILL. Start brings it back.
func (k *Kafka) Kill(node int) { k.nodes[node].process.kill() }

// Terminate ends a node, counted from 0, in order, as a rolling restart does: it hands its partitions over first. Start brings it back.
func (k *Kafka) Terminate(node int) { k.nodes[node].process.stop(syscall.SIGTERM, 30*time.Second) }

// Start brings a node back, with the same address and data, and returns when it answers.
func (k *Kafka) Start(ctx context.Context, node int) error {
	if err := k.launch(ctx, k.nodes[node]); err != nil {
		return fmt.Errorf("start Kafka again: %w", err)
	}
	return nil
}

// Stop ends all nodes and removes their files. A second call does nothing.
func (k *Kafka) Stop() error {
	if k.guard == nil {
		return nil
	}
	for _, n := range k.nodes {
		if n.process != nil {
			n.process.kill() // nobody will read its log again
		}
		n.client.release()
		n.controller.release()
		for _, other := range n.others {
			other.release()
		}
	}
	err := k.guard.end()
	k.guard = nil
	return err
}
