package sink

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// breaker.go: a partition that would bury nearly everything in dead letters halts instead: it is the wrong topic, or a producer changed. put.go
// asks before each write.

const (
	// breakerWindow is over how many records of a partition a share is taken. Fewer than that trip nothing.
	breakerWindow = 1000
	// deadLettersPerBatch closes a batch, so that what is stored before a partition halts is little more than the limit.
	deadLettersPerBatch = 250
)

// DeadLetterLimit says when a partition halts instead of storing more dead letters. The zero value never does.
type DeadLetterLimit struct {
	limited bool
	percent float64 // of the last breakerWindow records; 0: count holds
	count   int64   // of a partition in all, as the ledger counts them
}

// ParseDeadLetterLimit reads off; a share such as 90%, over the last 1,000 records that a process moved of a partition; or a number, of the
// dead letters that a partition may have in all.
func ParseDeadLetterLimit(s string) (DeadLetterLimit, error) {
	if strings.EqualFold(s, "off") {
		return DeadLetterLimit{}, nil
	}
	if share, isShare := strings.CutSuffix(s, "%"); isShare {
		if percent, err := strconv.ParseFloat(share, 64); err == nil && percent > 0 && percent <= 100 {
			return DeadLetterLimit{percent: percent, limited: true}, nil
		}
	} else if count, err := strconv.ParseInt(s, 10, 64); err == nil && count >= 0 {
		return DeadLetterLimit{count: count, limited: true}, nil
	}
	return DeadLetterLimit{}, fmt.Errorf("%q is none of off, a share above 0%% and up to 100%%, such as 90%%, or a number such as 5000", s)
}

// String returns what ParseDeadLetterLimit reads.
func (l DeadLetterLimit) String() string {
	switch {
	case !l.limited:
		return "off"
	case l.percent > 0:
		return strconv.FormatFloat(l.percent, 'g', -1, 64) + "%"
	}
	return strconv.FormatInt(l.count, 10)
}

// ErrTooManyDeadLetters says that a partition halted because of Config.MaxDeadLetters.
var ErrTooManyDeadLetters = errors.New("too many dead letters")

// breaker counts the dead letters of one partition. One goroutine.
type breaker struct {
	limit  DeadLetterLimit
	stored int64               // that the ledger counts
	fates  [breakerWindow]bool // of the last records, a ring: true is a dead letter
	at     int                 // where in fates the next goes
	seen   int                 // how many fates are filled
	dead   int                 // how many of them are true
}

// admit returns the breaker as it is once b is written, or an error if b must not be.
func (k *breaker) admit(b *batch) (breaker, error) {
	after := *k
	after.stored += int64(len(b.dead))
	if !k.limit.limited || len(b.dead) == 0 {
		after.pass(len(b.index))
		return after, nil
	}
	if k.limit.percent == 0 {
		if after.stored <= k.limit.count {
			return after, nil
		}
		return after, fmt.Errorf("%w: %s would have %d and --max-dead-letters allows %d; see what they are with sink deadletters list; a higher limit lets the partition go on",
			ErrTooManyDeadLetters, b.topicPartition, after.stored, k.limit.count)
	}
	rows := b.index
	for _, letter := range b.dead {
		good := 0
		for good < len(rows) && rows[good].offset < letter.offset {
			good++
		}
		rows = rows[good:]
		after.pass(good)
		after.push(true)
		if after.seen == breakerWindow && float64(after.dead)*100 >= k.limit.percent*breakerWindow {
			return after, fmt.Errorf("%w: %d of %d records of %s up to offset %d, and --max-dead-letters is %s; is this a topic of rides? See what they are with sink deadletters list; a higher limit, or off, lets the partition go on",
				ErrTooManyDeadLetters, after.dead, breakerWindow, b.topicPartition, letter.offset, k.limit)
		}
	}
	after.pass(len(rows))
	return after, nil
}

// pass notes n records that became rows.
func (k *breaker) pass(n int) {
	for range min(n, breakerWindow) {
		k.push(false)
	}
}

func (k *breaker) push(dead bool) {
	if k.fates[k.at] {
		k.dead--
	}
	k.fates[k.at] = dead
	if dead {
		k.dead++
	}
	k.at = (k.at + 1) % breakerWindow
	k.seen = min(k.seen+1, breakerWindow)
}
