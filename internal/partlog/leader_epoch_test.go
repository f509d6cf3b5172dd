package partlog

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A fetch names the leader epoch that it read in the metadata: a broker that was deposed and does not know it yet must refuse it, instead of
// answering with the end of a log that is about to be cut off.
func TestFetchNamesTheLeaderEpoch(t *testing.T) {
	t.Parallel()
	c := fakeBrokers(t, 2)
	produceTo(t, c.ListenAddrs(), 1, "a")
	var named atomic.Int32
	c.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		named.Store(r.(*kmsg.FetchRequest).Topics[0].Partitions[0].CurrentLeaderEpoch)
		return nil, nil, false // the broker answers
	})
	r := testLog(t, c.ListenAddrs()).Partition(fakeTopic, 1)
	var last int32 = -1
	for _, node := range []int32{1, 0, 1} {
		if err := c.MoveTopicPartition(fakeTopic, 1, node); err != nil {
			t.Fatal(err)
		}
		f, err := r.Fetch(t.Context(), 0, testOptions(), nil)
		for tries := 0; err != nil; tries++ {
			if tries > 3 || !Retriable(err) {
				t.Fatal(err)
			}
			f, err = r.Fetch(t.Context(), 0, testOptions(), nil)
		}
		if got := named.Load(); got < last || got < 0 || got != f.Leader.LeaderEpoch {
			t.Errorf("the fetch named leader epoch %d, the metadata has %d, and it was %d before", got, f.Leader.LeaderEpoch, last)
		}
		last = f.Leader.LeaderEpoch
	}
	if last < 2 {
		t.Errorf("the leader epoch is %d after three elections", last)
	}
}
