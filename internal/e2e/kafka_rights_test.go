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
	const topicWords, groupWords = "let this user describe and read it", "allow this user to read the group"
	for name, test := range map[string]struct {
		topic, group kadm.ACLOperation // what is allowed; OpUnknown is nothing
		words        []string
	}{
		"to describe the topic": {group: kadm.OpRead, words: []string{"cannot be read", topicWords}},
		"to read the topic":     {topic: kadm.OpDescribe, group: kadm.OpRead, words: []string{"cannot be read", topicWords}},
		"to find the group":     {topic: kadm.OpRead, words: []string{"group", groupWords}},
		"to be in the group":    {topic: kadm.OpRead, group: kadm.OpDescribe, words: []string{"group", groupWords}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.scene(t)
			user := "of-" + s.topic()
			k.setPassword(t, user, canary)
			if test.topic != kadm.OpUnknown {
				k.allow(t, rights(test.topic, user, s.topic(), ""))
			}
			if test.group != kadm.OpUnknown {
				k.allow(t, rights(test.group, user, "", s.group))
			}
			s.publishRides(20, 2, writeMixed)
			s.fails(t, k.by(s, loginListener, append(scramLogin(canary), "KAFKA_USERNAME="+user)...), []string{"backfill", "--quiet"}, test.words)
		})
	}
}

// testRightsLost holds: a right that is taken from a sink that runs is an outage that says so, halts nothing, and ends when the right is back.
func (k *secureKafka) testRightsLost(t *testing.T) {
	for name, lost := range map[string]func(user string, s scene) (*kadm.ACLBuilder, string){
		"to the topic": func(user string, s scene) (*kadm.ACLBuilder, string) {
			return rights(kadm.OpRead, user, s.topic(), ""), "Topic Authorization Failed"
		},
		"to the group": func(user string, s scene) (*kadm.ACLBuilder, string) {
			return rights(kadm.OpRead, user, "", s.group), "Group Authorization Failed"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.scene(t)
			user, address := k.userOf(s), closedPort(t)
			records := s.publishRides(20, 2, writeMixed)
			p := start(t, k.by(s, loginListener, append(scramLogin(canary), "KAFKA_USERNAME="+user, "HTTP_ADDR="+address)...), append([]string{"run"}, hasty()...)...)
			s.waitForEnd(longWait)
			right, word := lost(user, s)
			k.forbid(t, right)
			s.waitUntilUnready(address, "kafka is away", word)
			records = append(records, s.publishRides(20, 2, writeMixed)...)
			k.allow(t, right)
			s.waitForEnd(longWait)
			s.waitUntilReady(address)
			p.stop(t)
			s.checkStored(records)
			if halted := value[int64](t, s.connect(), "SELECT count(*) FROM sink_ledger WHERE halted_reason IS NOT NULL"); halted != 0 {
				t.Errorf("%d partitions are halted, want none", halted)
			}
		})
	}
}
