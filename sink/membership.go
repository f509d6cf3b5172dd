package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// membership.go: this process as a member of the consumer group. It says which partitions are ours, generation by generation; it says
// nothing about positions. After it: sink.go, which serves a generation.

// leaveTimeout is how long a stop waits for kafka-go to leave the group by itself. A JoinGroup cannot be interrupted, so after that its
// connections are closed under it; a member that did not leave expires with its session.
const leaveTimeout = 3 * time.Second

// membership owns the ConsumerGroup.
type membership struct {
	name        string
	group       *kafka.ConsumerGroup
	connections *connections
	leader      *leaderBalancer
	log         *slog.Logger
	member      bool // it was taken once: what the brokers allow is being changed, and is waited for
	closing     sync.Once
	closed      chan struct{} // closed when the group is left
}

// join begins to join the group. It does not wait for it: next does.
func join(cfg Config, dial func(context.Context, string, string) (net.Conn, error)) (*membership, error) {
	brokers := slices.Clone(cfg.Brokers) // members need not all begin with the same one
	rand.Shuffle(len(brokers), func(i, j int) { brokers[i], brokers[j] = brokers[j], brokers[i] })
	m := &membership{
		name:        cfg.Group,
		closed:      make(chan struct{}),
		connections: &connections{dial: dial, open: map[net.Conn]bool{}, bootstrap: brokers},
		leader:      &leaderBalancer{GroupBalancer: kafka.RangeGroupBalancer{}},
		log:         cfg.Logger,
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                cfg.Group,
		Brokers:           []string{bootstrapAddress}, // connections.Dial takes turns
		Topics:            cfg.Topics,
		Dialer:            &kafka.Dialer{ClientID: cfg.ClientID, Timeout: cfg.NetworkTimeout, DialFunc: m.connections.Dial},
		GroupBalancers:    []kafka.GroupBalancer{m.leader},
		HeartbeatInterval: cfg.heartbeatInterval(),
		SessionTimeout:    cfg.SessionTimeout,
		RebalanceTimeout:  cfg.SessionTimeout,
		JoinGroupBackoff:  250 * time.Millisecond, // a new cluster makes its offsets topic first
		Timeout:           cfg.NetworkTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("consumer group %s: %w", cfg.Group, err)
	}
	m.group = group
	return m, nil
}

// next waits for the next generation. Trouble with the coordinator is waited for; it returns an error when ctx ends, and an
// *EnvironmentError where the group will never take this member.
func (m *membership) next(ctx context.Context, trouble *outage) (*kafka.Generation, error) {
	defer trouble.forget()
	for {
		generation, err := m.group.Next(ctx)
		switch {
		case err == nil:
			trouble.ended(ctx)
			m.member = true
			return generation, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, kafka.RebalanceInProgress), errors.Is(err, kafka.UnknownMemberId), errors.Is(err, kafka.IllegalGeneration):
			m.log.DebugContext(ctx, "joining again", "err", err)
		default:
			if refused := m.refused(err); refused != nil {
				return nil, refused
			}
			trouble.failed(ctx, err) // kafka-go waits JoinGroupBackoff by itself
		}
	}
}

// refused says what an operator can do where waiting does not mend err; nil where it may.
func (m *membership) refused(err error) error {
	var code kafka.Error
	if !errors.As(err, &code) || code == kafka.GroupAuthorizationFailed && m.member {
		return nil
	}
	do := ""
	switch code {
	case kafka.InvalidSessionTimeout:
		do = "set --session-timeout between the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms"
	case kafka.InconsistentGroupProtocol:
		do = "consumers of another kind are members of it: name another with --group"
	case kafka.InvalidGroupId:
		do = "name another with --group"
	case kafka.GroupAuthorizationFailed:
		do = "allow this user to read the group, or name another with --group"
	default:
		return nil
	}
	return &EnvironmentError{What: fmt.Sprintf("Kafka refuses this member of group %q", m.name), Do: do, Err: err}
}

// leave begins to leave the group, and returns when the running generation has ended by that: then kafka-go will not join another.
func (m *membership) leave(generationEnded context.Context) {
	m.close()
	<-generationEnded.Done()
}

// close begins to leave the group. It does not wait.
func (m *membership) close() {
	m.closing.Do(func() {
		go func() { // ends with Close, which ends when its connections do: left sees to that
			defer close(m.closed)
			_ = m.group.Close() // always nil
		}()
	})
}

// left waits until the group is left, at most leaveTimeout and a little.
func (m *membership) left() {
	m.close()
	for range 2 {
		timer := time.NewTimer(leaveTimeout)
		defer timer.Stop()
		select {
		case <-m.closed:
			return
		case <-timer.C:
		}
		m.log.Info("leaving the group took too long: closing its connections; the group notices within a session timeout")
		m.connections.Close()
	}
}

// bootstrapAddress is what kafka-go is given in place of the bootstrap brokers, of which it would only ever try the first that accepts TCP, also
// if that one never answers. Each time that it dials this name, the next of them is meant.
const bootstrapAddress = "bootstrap-brokers:9092"

// connections dials for kafka-go and remembers what is open.
type connections struct {
	dial      func(context.Context, string, string) (net.Conn, error)
	bootstrap []string
	mu        sync.Mutex
	turn      int               // guarded by mu: of bootstrap
	open      map[net.Conn]bool // guarded by mu
	closed    bool              // guarded by mu
}

// Dial is a kafka.Dialer's DialFunc.
func (c *connections) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.dial(ctx, network, c.inTurn(address))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	remembered := &rememberedConn{Conn: conn, forget: c.forget}
	c.open[remembered] = true
	return remembered, nil
}

// inTurn is the address to dial: address itself, unless it stands for the bootstrap brokers.
func (c *connections) inTurn(address string) string {
	if address != bootstrapAddress {
		return address
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	address = c.bootstrap[c.turn%len(c.bootstrap)]
	c.turn++
	return address
}

func (c *connections) forget(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

// Close closes all connections; further ones cannot be dialed.
func (c *connections) Close() {
	c.mu.Lock()
	c.closed = true
	open := make([]net.Conn, 0, len(c.open))
	for conn := range c.open {
		open = append(open, conn)
	}
	c.mu.Unlock()
	for _, conn := range open {
		_ = conn.Close() // whoever uses it gets the error
	}
}

// rememberedConn tells its connections when it is closed.
type rememberedConn struct {
	net.Conn
	forget func(net.Conn)
}

func (c *rememberedConn) Close() error {
	c.forget(c)
	return c.Conn.Close()
}

// leaderBalancer is a GroupBalancer that notes what the leader saw: only the leader is asked to assign, and only its rejoining makes the
// group look at the partitions again.
type leaderBalancer struct {
	kafka.GroupBalancer
	mu   sync.Mutex
	seen map[string]int // guarded by mu: partitions of each topic at the last assignment by this member
}

// AssignGroups is called by kafka-go on the leader only.
func (b *leaderBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	seen := map[string]int{}
	for _, p := range partitions {
		seen[p.Topic]++
	}
	b.mu.Lock()
	b.seen = seen
	b.mu.Unlock()
	return b.GroupBalancer.AssignGroups(members, partitions)
}

// leads reports whether this member made the running assignment, and of how many partitions of topic.
func (b *leaderBalancer) leads(topic string) (partitions int, leads bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	partitions = b.seen[topic]
	return partitions, b.seen != nil
}

// joined forgets the last assignment: before a join nobody knows who will lead.
func (b *leaderBalancer) joined() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = nil
}
