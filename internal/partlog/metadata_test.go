package partlog

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// metadata_test.go: topics, ids and leaders, of brokers of any age.

func TestManyReadersAskOnceForLeaders(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 1, kfake.SeedTopics(64, "wide"))
	var asked atomic.Int32
	c.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if r.GetVersion() >= metadataWithIDs {
			asked.Add(1)
		}
		return nil, nil, false
	})
	l := testLog(t, c.ListenAddrs())
	var group sync.WaitGroup
	for partition := range int32(64) {
		group.Go(func() {
			if _, err := l.leader(t.Context(), "wide", partition); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if asked.Load() != 1 {
		t.Errorf("64 readers asked %d times, want once", asked.Load())
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 2)
	l := testLog(t, c.ListenAddrs())
	topics, err := l.Topics(t.Context(), fakeTopic, "absent")
	if err != nil {
		t.Fatal(err)
	}
	rides, absent := topics[0], topics[1]
	if rides.Err != nil || rides.ID == (TopicID{}) || len(rides.Partitions) != 4 || rides.Partitions[3].Number != 3 || rides.Partitions[0].LeaderEpoch < 0 {
		t.Errorf("rides: %+v", rides)
	}
	if !errors.Is(absent.Err, ErrUnknownTopic) || absent.Name != "absent" {
		t.Errorf("absent: %+v, want ErrUnknownTopic", absent)
	}
	if again, err := l.Topics(t.Context(), "absent"); err != nil || !errors.Is(again[0].Err, ErrUnknownTopic) {
		t.Errorf("asking made the topic: %+v, %v", again, err)
	}
}

func TestTopicsOfOlderBrokers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		newest   int16
		id       bool
	}{
		{"a broker from before topic ids", 9, false}, // 9 is flexible but has none: 8 is spoken
		{"a broker with topic ids", 10, true},
		{"a broker with the newest version of ours", 12, true},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			versions := kversion.Stable()
			versions.SetMaxKeyVersion(int16(kmsg.Metadata), c.newest)
			cluster := fakeBrokers(t, 1, kfake.MaxVersions(versions))
			l := testLog(t, cluster.ListenAddrs())
			topics, err := l.Topics(t.Context(), fakeTopic)
			if err != nil {
				t.Fatal(err)
			}
			if topics[0].Err != nil || (topics[0].ID != TopicID{}) != c.id || len(topics[0].Partitions) != 4 {
				t.Errorf("%+v, want an id: %v", topics[0], c.id)
			}
		})
	}
	for _, c := range []struct{ oldest, newest, want int16 }{{0, 13, 12}, {0, 10, 10}, {0, 9, 8}, {4, 4, 4}, {0, 3, -1}, {13, 15, -1}, {9, 9, -1}, {0, 0, -1}} {
		if got := chooseMetadataVersion(c.oldest, c.newest); got != c.want {
			t.Errorf("versions %d to %d: %d, want %d", c.oldest, c.newest, got, c.want)
		}
	}
}

func TestFetchVersions(t *testing.T) {
	t.Parallel()
	for version := int16(fetchOldest); version <= fetchNewest; version++ {
		versions := kversion.Stable()
		versions.SetMaxKeyVersion(int16(kmsg.Fetch), version)
		c := fakeBrokers(t, 1, kfake.MaxVersions(versions))
		forge(c, func(p *kmsg.FetchResponseTopicPartition) { p.RecordBatches = plain(100, 3).bytes() })
		f, err := testLog(t, c.ListenAddrs()).Partition(fakeTopic, 1).Fetch(t.Context(), 100, testOptions(), nil)
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if got := offsets(drain(t, f)); !slices.Equal(got, upTo(100, 103)) {
			t.Errorf("version %d: offsets %v", version, got)
		}
	}
}
