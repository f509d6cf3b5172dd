package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// growth_test.go: partitions that are added to a topic while the sink runs are read from their beginning.

// TestPartitionsAdded holds: partitions added under one or two running members are stored from their first record on, and shared.
func TestPartitionsAdded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		members  int
	}{
		{scenario: "under one member", members: 1},
		{scenario: "under two members", members: 2},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 2)
			processes := make([]*process, test.members)
			for i := range processes {
				// latest is for the partitions that are there at the first start; later ones begin at their beginning.
				processes[i] = s.run("--start=latest")
			}
			s.waitForMembers(test.members)
			records := s.publishRides(200, 2, writeTLC)
			s.waitForEnd(time.Minute)
			s.addPartitions(5)
			records = append(records, s.publishRides(500, 5, writeMixed)...)
			s.waitForMembers(test.members)
			s.waitForEnd(time.Minute)
			for _, p := range processes {
				p.signal(syscall.SIGTERM)
			}
			for _, p := range processes {
				p.wantExit(0, stopBound)
			}
			s.checkStored(records)
			s.checkCommits(s.connect(), true)
		})
	}
}

// addPartitions makes the first topic one of n partitions.
func (s scene) addPartitions(n int) {
	s.t.Helper()
	if _, err := admin(s.t, s.brokers).UpdatePartitions(s.t.Context(), n, s.topic()); err != nil {
		s.t.Fatalf("add partitions: %v", err)
	}
	s.waitForPartitions(n)
}

// waitForPartitions waits until the brokers say that the first topic has n partitions, with leaders.
func (s scene) waitForPartitions(n int) {
	s.t.Helper()
	kafka := admin(s.t, s.brokers)
	eventually(s.t, 30*time.Second, "the new partitions", func() (bool, string) {
		listed, err := kafka.ListEndOffsets(s.t.Context(), s.topic())
		if err == nil {
			err = listed.Error()
		}
		return err == nil && len(listed[s.topic()]) == n, fmt.Sprint(len(listed[s.topic()]), " partitions ", err)
	})
}
