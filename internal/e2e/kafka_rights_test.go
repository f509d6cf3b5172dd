package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// kafka_rights_test.go: what the brokers let a user do.

// readRights are what a sink needs: to read its topic and to be in its group.
func readRights(user string, s scene) *kadm.ACLBuilder {
	return rights(kadm.OpRead, user, s.topic(), s.group)
}

// testMissingRights holds: each right that is missing is one line that names it.
func (k *secureKafka) testMissingRights(t *testing.T) {
	for name, test := range map[string]struct {
		allow func(user string, s scene) *kadm.ACLBuilder
		words []string
	}{
		"to describe the topic": {func(user string, s scene) *kadm.ACLBuilder { return rights(kadm.OpRead, user, "", s.group) }, []string{"cannot be read", "let this user describe and read it"}},
		"to read the topic":     {func(user string, s scene) *kadm.ACLBuilder { return rights(kadm.OpDescribe, user, s.topic(), s.group) }, []string{"cannot be read", "let this user describe and read it"}},
		"to be in the group":    {func(user string, s scene) *kadm.ACLBuilder { return rights(kadm.OpRead, user, s.topic(), "") }, []string{"group", "allow this user to read the group"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.scene(t)
			user := "of-" + s.topic()
			k.setPassword(t, user, canary)
			k.allow(t, test.allow(user, s))
			env := k.by(s, loginListener, append(scramLogin(canary), "KAFKA_USERNAME="+user)...)
			p := start(t, env, "backfill", "--quiet")
			p.wantExit(3, longWait)
			checkOneLine(t, p, test.words)
		})
	}
}

// testRightsLost holds: a right that is taken from a sink that runs is an outage that says so, halts nothing, and ends when the right is back.
func (k *secureKafka) testRightsLost(t *testing.T) {
	s := k.scene(t)
	user, address := k.userOf(s), closedPort(t)
	records := s.publishRides(20, 2, writeMixed)
	p := start(t, k.by(s, loginListener, append(scramLogin(canary), "KAFKA_USERNAME="+user, "HTTP_ADDR="+address)...), append([]string{"run"}, hasty()...)...)
	s.waitForEnd(longWait)
	k.forbid(t, readRights(user, s))
	s.waitUntilUnready(address, "kafka is away", "Authorization Failed")
	records = append(records, s.publishRides(20, 2, writeMixed)...)
	k.allow(t, readRights(user, s))
	s.waitForEnd(longWait)
	s.waitUntilReady(address)
	p.stop(t)
	s.checkStored(records)
	if halted := value[int64](t, s.connect(), "SELECT count(*) FROM sink_ledger WHERE halted_reason IS NOT NULL"); halted != 0 {
		t.Errorf("%d partitions are halted, want none", halted)
	}
}
