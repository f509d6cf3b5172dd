package partlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// errors.go: what can go wrong, and whether waiting mends it. Codes: https://kafka.apache.org/protocol#protocol_error_codes

var (
	// ErrUnknownTopic says that no broker knows the topic or partition: not made yet, or deleted.
	ErrUnknownTopic = errors.New("unknown topic or partition")
	// ErrNotAuthorized says that the brokers do not let this user read the topic.
	ErrNotAuthorized = errors.New("not authorized")
	// ErrTooOld says that the broker speaks no version of a request that this package needs.
	ErrTooOld = errors.New("the broker is too old: Kafka 0.11 or newer is needed")
)

// OutOfRangeError says that the log does not hold the position: retention passed it by, or the log ends before it.
type OutOfRangeError struct {
	Topic                   string
	Partition               int32
	Position                int64
	LogStart, HighWatermark int64 // asked right after; what the log holds
}

func (e *OutOfRangeError) Error() string {
	return fmt.Sprintf("%s/%d: position %d is outside of the log [%d,%d)", e.Topic, e.Partition, e.Position, e.LogStart, e.HighWatermark)
}

// OtherTopicError says that the topic was deleted and made again: the name stands for other records now.
type OtherTopicError struct {
	Topic     string
	Partition int32
	Want, Got TopicID
}

func (e *OtherTopicError) Error() string {
	return fmt.Sprintf("%s/%d: the topic's id is %s, not %s", e.Topic, e.Partition, e.Got, e.Want)
}

// TooLargeError says that a response, or a batch once decompressed, needs more memory than the caller allowed. Nothing of it was delivered.
type TooLargeError struct {
	First, Next int64 // what could not be read, from the position on, half-open; Next is 0 if the batch's header was not seen
	Size        int   // bytes to allow for another try; above MaxBatchBytes: too large at all
}

func (e *TooLargeError) Error() string {
	if e.Next == 0 {
		return fmt.Sprintf("the batch with offset %d needs %d bytes", e.First, e.Size)
	}
	return fmt.Sprintf("the batch with offsets [%d,%d) needs %d bytes", e.First, e.Next, e.Size)
}

// CorruptError says that a batch cannot be opened: its checksum or its structure is wrong. Everything before it was delivered.
type CorruptError struct {
	Topic       string
	Partition   int32
	First, Next int64 // what could not be read, half-open; Next is a guess where the batch's own header may be wrong
	Why         string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s/%d: the batch with offsets [%d,%d) cannot be read: %s", e.Topic, e.Partition, e.First, e.Next, e.Why)
}

// BrokerError is an error code of a broker's answer.
type BrokerError struct {
	Request string // what was asked
	Code    int16
}

func (e *BrokerError) Error() string {
	return fmt.Sprintf("%s: the broker answers with error %d: %s", e.Request, e.Code, kafka.Error(e.Code).Title())
}

// Is makes errors.Is work for the two conditions that callers ask for.
func (e *BrokerError) Is(target error) bool {
	switch target {
	case ErrUnknownTopic:
		return e.Code == codeUnknownTopic || e.Code == codeUnknownTopicID
	case ErrNotAuthorized:
		return e.Code == codeTopicNotAuthorized || e.Code == codeClusterNotAuthorized
	}
	return false
}

// Error codes that something is decided by.
const (
	codeUnknownServerError   = -1
	codeNone                 = 0
	codeOffsetOutOfRange     = 1
	codeCorruptMessage       = 2
	codeUnknownTopic         = 3
	codeLeaderNotAvailable   = 5
	codeNotLeader            = 6
	codeTimedOut             = 7
	codeBrokerNotAvailable   = 8
	codeReplicaNotAvailable  = 9
	codeNetworkException     = 13
	codeTopicNotAuthorized   = 29
	codeClusterNotAuthorized = 31
	codeUnsupportedVersion   = 35
	codeStorage              = 56
	codeFencedLeaderEpoch    = 74
	codeUnknownLeaderEpoch   = 75
	codeListenerNotFound     = 72
	codeUnsupportedCodec     = 76
	codeOffsetNotAvailable   = 78
	codeThrottlingQuota      = 89
	codeUnknownTopicID       = 100
)

// Retriable reports whether waiting, and asking for the leader again, may mend err: the broker is away, starting, or not the leader any
// more. ErrUnknownTopic counts too: a topic may be on its way. Everything that this function does not know is not.
func Retriable(err error) bool {
	var broker *BrokerError
	if errors.As(err, &broker) {
		return retriableCode(broker.Code)
	}
	var of *OutOfRangeError
	var large *TooLargeError
	var corrupt *CorruptError
	if errors.As(err, &of) || errors.As(err, &large) || errors.As(err, &corrupt) || errors.Is(err, ErrTooOld) {
		return false
	}
	var code kafka.Error
	if errors.As(err, &code) {
		return code.Temporary() || retriableCode(int16(code))
	}
	var network net.Error
	var sys syscall.Errno
	switch {
	case errors.As(err, &network), errors.As(err, &sys), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.ErrClosedPipe), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, protocol.ErrNoLeader), errors.Is(err, protocol.ErrNoPartition), errors.Is(err, protocol.ErrNoTopic), errors.Is(err, errNoLeader),
		errors.Is(err, errAnswer):
		return true
	}
	return false
}

// retriableCode decides about every code that Metadata, ListOffsets and Fetch can answer with. Not retried: 1 (decided by the
// caller), 2 (the broker found its own log corrupt), 29 and 31 (authorization), 35 (version), and
// what is new. 76 is: a broker that is upgraded next may know the codec.
func retriableCode(code int16) bool {
	switch code {
	case codeUnknownServerError, codeUnknownTopic, codeLeaderNotAvailable, codeNotLeader, codeTimedOut, codeBrokerNotAvailable, codeReplicaNotAvailable,
		codeNetworkException, codeStorage, codeFencedLeaderEpoch, codeUnknownLeaderEpoch, codeListenerNotFound, codeUnsupportedCodec,
		codeOffsetNotAvailable, codeThrottlingQuota, codeUnknownTopicID:
		return true
	}
	return false
}

// errNoLeader says that a partition has no leader at the moment.
var errNoLeader = errors.New("the partition has no leader at the moment")
