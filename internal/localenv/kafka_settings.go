package localenv

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// kafka_settings.go writes a node's server.properties.

// properties are the settings of node n of a cluster. What is not set here is Kafka's default, as with brokers that others run.
func properties(nodes []*node, n *node, o KafkaOptions) []byte {
	voters := make([]string, len(nodes))
	for i, v := range nodes {
		voters[i] = fmt.Sprintf("%d@%s", v.id, v.controller.address())
	}
	replicas := min(3, len(nodes))
	all := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          strconv.Itoa(n.id),
		"controller.quorum.voters":                         strings.Join(voters, ","),
		"controller.listener.names":                        "CONTROLLER",
		"listeners":                                        "PLAINTEXT://" + n.client.address() + ",CONTROLLER://" + n.controller.address(),
		"advertised.listeners":                             "PLAINTEXT://" + n.client.address(),
		"log.dirs":                                         filepath.Join(n.dir, "data"),
		"default.replication.factor":                       strconv.Itoa(replicas),
		"min.insync.replicas":                              strconv.Itoa(max(1, replicas-1)),
		"offsets.topic.replication.factor":                 strconv.Itoa(replicas),
		"transaction.state.log.replication.factor":         strconv.Itoa(replicas),
		"transaction.state.log.min.isr":                    strconv.Itoa(max(1, replicas-1)),
		"share.coordinator.state.topic.replication.factor": strconv.Itoa(replicas),
		"share.coordinator.state.topic.min.isr":            strconv.Itoa(max(1, replicas-1)),
		// Small and quick: a test's groups and transactions are few, and should not wait.
		"offsets.topic.num.partitions":         "3",
		"transaction.state.log.num.partitions": "3",
		"group.initial.rebalance.delay.ms":     "0",
		// The records of tests are of years ago: a new topic must not meet a round of retention before its settings are known.
		"log.retention.ms": "-1",
	}
	if len(o.Listeners) > 0 {
		protocols := "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
		for _, name := range slices.Sorted(maps.Keys(o.Listeners)) {
			address := "," + name + "://" + n.others[name].address()
			all["listeners"] += address
			all["advertised.listeners"] += address
			protocols += "," + name + ":" + o.Listeners[name]
		}
		all["listener.security.protocol.map"] = protocols
	}
	maps.Copy(all, o.Settings)
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s=%s\n", name, all[name])
	}
	return b.Bytes()
}
