package repair

import (
	"testing"

	"ridesink/internal/partlog"
)

// What was planned is carried out where a member moved on meanwhile, and refused where more would be lost, or the topic is another one.
func TestAgreed(t *testing.T) {
	t.Parallel()
	id, other := partlog.TopicID{1}, partlog.TopicID{2}
	for _, test := range []struct {
		scenario string
		to       int64
		row      ledgerRow // the plan was made at 100, of id
		want     bool
	}{
		{"nothing moved", 50, ledgerRow{next: 100, topicID: id}, true},
		{"a member moved on", 50, ledgerRow{next: 900, topicID: id}, true},
		{"somebody went back, but not below", 50, ledgerRow{next: 50, topicID: id}, true},
		{"somebody went back below", 50, ledgerRow{next: 49, topicID: id}, false},
		{"forwards, as planned", 150, ledgerRow{next: 100, topicID: id}, true},
		{"forwards, and less is lost", 150, ledgerRow{next: 120, topicID: id}, true},
		{"forwards, and more would be lost", 150, ledgerRow{next: 99, topicID: id}, false},
		{"another topic", 50, ledgerRow{next: 100, topicID: other}, false},
	} {
		m := &Reset{To: test.to}
		m.aim(ledgerRow{next: 100, topicID: id})
		if err := m.agreed(test.row); (err == nil) != test.want {
			t.Errorf("%s: %v", test.scenario, err)
		}
	}
}
