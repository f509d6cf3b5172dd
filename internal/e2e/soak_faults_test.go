package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ridesink/internal/localenv"
)

// soak_faults_test.go is what a soak does to its members and servers, one kind of fault a function.

// soak is a run of everything at once.
type soak struct {
	scene    // its url goes to PostgreSQL without the relay
	postgres *localenv.Postgres
	kafka    *localenv.Kafka
	relay    *relay
	dice     *rand.Rand
	traffic  *traffic
	watcher  *watcher
	steady   *process       // never killed, nor frozen
	others   [2]*process    // killed, stopped, frozen
	played   map[string]int // faults by kind
	slowest  time.Duration  // to catch up after a fault
	mayGrow  func() bool    // whether partitions may still be added
}

// fault is one kind, and how often it is drawn.
type fault struct {
	kind   string
	weight int
	play   func(ctx context.Context)
}

func (k *soak) faults() []fault {
	all := []fault{
		{"kill -9 of a member", 4, k.killMember},
		{"SIGTERM of a member", 3, k.stopMember},
		{"a member is frozen and goes on", 3, k.freezeMember},
		{"connections to PostgreSQL cut", 4, k.cutConnections},
		{"backends terminated", 3, k.terminateBackends},
		{"PostgreSQL killed and started", 2, k.restartPostgres},
		{"the broker restarted", 2, k.restartKafka},
		{"offsets in Kafka set by hand", 3, k.commitGarbage},
	}
	if k.mayGrow() && k.traffic.partitions.Load() < 8 {
		all = append(all, fault{"a partition added", 6, k.addOne})
	}
	return all
}

// draw chooses a fault.
func (k *soak) draw() fault {
	all, sum := k.faults(), 0
	for _, f := range all {
		sum += f.weight
	}
	roll := k.dice.IntN(sum)
	for _, f := range all {
		if roll -= f.weight; roll < 0 {
			return f
		}
	}
	panic("unreachable")
}

// member starts one.
func (k *soak) member(flags ...string) *process {
	k.t.Helper()
	return k.through(k.relay.url(k.url)).run(flags...)
}

// members are all of them.
func (k *soak) members() []*process { return []*process{k.steady, k.others[0], k.others[1]} }

// begun waits until every member has had partitions, or a place in the group: before that, a server that is away is the environment's fault and
// ends it.
func (k *soak) begun() {
	k.t.Helper()
	eventually(k.t, longWait, "every member to begin", func() (bool, string) {
		k.allRunning()
		return began(k.members()), "not yet"
	})
}

// allRunning fails the test if a member ended by itself.
func (k *soak) allRunning() {
	k.t.Helper()
	for i, p := range k.members() {
		if !p.running() {
			k.t.Fatalf("member %d ended by itself, with exit code %d: %s", i, p.code, tail(p.stderr.String()))
		}
	}
}

func (k *soak) killMember(context.Context) {
	i := k.dice.IntN(len(k.others))
	k.others[i].kill()
	k.others[i] = k.member()
}

func (k *soak) stopMember(context.Context) {
	k.begun()
	i := k.dice.IntN(len(k.others))
	k.others[i].signal(syscall.SIGTERM)
	k.others[i].wantExit(0, stopBound)
	k.others[i] = k.member()
}

// freezeMember freezes a member for less or more than its session.
func (k *soak) freezeMember(ctx context.Context) {
	k.begun() // a member that is frozen for longer than its network timeout takes servers to be away
	p := k.others[k.dice.IntN(len(k.others))]
	p.freeze()
	pause(ctx, time.Duration(k.dice.IntN(12_000))*time.Millisecond)
	p.signal(syscall.SIGCONT)
}

func (k *soak) cutConnections(context.Context) {
	k.begun()
	k.relay.cut()
}

func (k *soak) terminateBackends(ctx context.Context) {
	k.begun()
	conn, err := pgx.Connect(ctx, k.url)
	if err != nil {
		k.t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ridesink' AND random() < 0.7`); err != nil {
		k.t.Fatalf("terminate backends: %v", err)
	}
}

func (k *soak) restartPostgres(ctx context.Context) {
	k.begun()
	k.postgres.Kill()
	pause(ctx, time.Duration(k.dice.IntN(3000))*time.Millisecond)
	if err := k.postgres.Start(ctx); err != nil {
		k.t.Fatalf("start PostgreSQL again: %v", err)
	}
}

func (k *soak) restartKafka(ctx context.Context) {
	k.begun()
	if k.dice.IntN(2) == 0 {
		k.kafka.Kill(0)
	} else {
		k.kafka.Terminate(0)
	}
	if err := k.kafka.Start(ctx, 0); err != nil {
		k.t.Fatalf("start Kafka again: %v", err)
	}
}

// commitGarbage commits, as the steady member, an offset that is behind, or ahead, or nothing that anybody can have.
func (k *soak) commitGarbage(ctx context.Context) {
	generation, member := k.steadyMembership()
	at := place{topic: k.topic(), partition: k.dice.Int32N(k.traffic.partitions.Load())}
	offset := []int64{0, k.dice.Int64N(1000), 1 << 40, 1<<60 + k.dice.Int64N(1000)}[k.dice.IntN(4)]
	k.watcher.set(at, offset)
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation, request.MemberID = k.group, generation, member
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = at.topic
	partition := kmsg.NewOffsetCommitRequestTopicPartition()
	partition.Partition, partition.Offset = at.partition, offset
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...))
	if err != nil {
		k.t.Fatal(err)
	}
	defer client.Close()
	if _, err := request.RequestWith(ctx, client); err != nil { // a generation that is over is refused, and that is no matter
		k.t.Logf("offsets are not set by hand: %v", err)
	}
}

// steadyMembership is the steady member's place in the group, as it logged it last.
func (k *soak) steadyMembership() (generation int32, member string) {
	for line := range strings.Lines(k.steady.stderr.String()) {
		var entry struct {
			Message    string `json:"msg"`
			Generation int32  `json:"generation"`
			Member     string `json:"member"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "assigned" {
			generation, member = entry.Generation, entry.Member
		}
	}
	return generation, member
}

// addOne adds a partition.
func (k *soak) addOne(context.Context) {
	n := k.traffic.partitions.Load()
	k.addPartitions(int(n) + 1)
	k.traffic.partitions.Store(n + 1)
}

// caughtUp waits until every position has passed where the log ended when it was asked first, and returns how long that took.
func (k *soak) caughtUp() time.Duration {
	k.t.Helper()
	began := time.Now()
	var ends map[place]int64
	eventually(k.t, longWait, "every position to pass what was the end of the log", func() (bool, string) {
		k.allRunning()
		ctx, cancel := context.WithTimeout(k.t.Context(), 5*time.Second)
		defer cancel()
		var err error
		if ends == nil {
			if ends, err = k.ends(ctx); err != nil {
				return false, err.Error()
			}
		}
		ledger, err := k.lookAtLedger(ctx)
		if err != nil {
			return false, err.Error()
		}
		behind := ""
		for at, end := range ends {
			if row := ledger[at]; row.next < end {
				behind += fmt.Sprintf("%s at %d of %d; ", partitionName(at.topic, at.partition), row.next, end)
			}
		}
		return behind == "", behind
	})
	return time.Since(began)
}

// ends is endOffsets for a broker that may be away.
func (k *soak) ends(ctx context.Context) (map[place]int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListCommittedOffsets(ctx, k.topic())
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, err
	}
	ends := map[place]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[place{topic: o.Topic, partition: o.Partition}] = o.Offset })
	return ends, nil
}

// pause returns after d, or when ctx ends: a fault lasts for a while, and faults are apart.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// soakFor is how long the test shall last, or skips it.
func soakFor(t *testing.T, given string) time.Duration {
	t.Helper()
	if given == "" {
		t.Skip("a soak runs for as long as TEST_SOAK says: TEST_SOAK=30m go test ./internal/e2e -run '^TestSoak$' -timeout 2h -v (or make soak)")
	}
	d, err := time.ParseDuration(given)
	if err != nil || d < time.Minute {
		t.Fatalf("TEST_SOAK is %q: it must be a duration of a minute and more, such as 30m", given)
	}
	if deadline, ok := t.Deadline(); ok && time.Until(deadline) < d+d/2+5*time.Minute {
		t.Fatalf("a soak of %s and its checks need a longer -timeout than this one, such as %s", d, (2*d + 10*time.Minute).Round(time.Minute))
	}
	return d
}
