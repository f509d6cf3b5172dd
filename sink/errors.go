package sink

import (
	"context"
	"errors"
	"fmt"

	"ridesink/internal/servers"
)

// errors.go: why a partition halts or a run ends, for callers to tell apart. Each says what an operator can do.

// EnvironmentError says that a server is not as the sink needs it, before anything was read or written.
type EnvironmentError = servers.EnvironmentError

// LostError says that records are gone from Kafka that were never read: retention or DeleteRecords passed the position by.
type LostError struct {
	Topic       string
	Partition   int32
	First, Next Position // the lost range, half-open
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s/%d: position %d is below the log start offset %d: offsets [%d,%d) are gone from Kafka; go on past them with --on-data-loss=skip, which counts them as lost, or with sink reset --to %d --partition %s/%d",
		e.Topic, e.Partition, e.First, e.Next, e.First, e.Next, e.Next, e.Topic, e.Partition)
}

// TruncatedError says that the log ends before the position: it was truncated by an unclean election, or made again shorter.
type TruncatedError struct {
	Topic         string
	Partition     int32
	Position, End Position
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("%s/%d: position %d is beyond the end of the log at %d: the log was truncated, or the topic was deleted and made again; find out which; then go on with what Kafka has: sink reset --to OFFSET --partition %s/%d, or sink reset --recreated",
		e.Topic, e.Partition, e.Position, e.End, e.Topic, e.Partition)
}

// RecreatedError says that the topic was deleted and made again under the same name: its offsets count other records now.
type RecreatedError struct {
	Topic     string
	Partition int32
	Was, Is   string // topic ids
}

func (e *RecreatedError) Error() string {
	return fmt.Sprintf("%s/%d: the topic was deleted and made again (its id was %s and is %s): the rows in PostgreSQL are of the old one; to read the new one, remove them with sink reset --recreated, or keep them under another name with --keep-as NAME",
		e.Topic, e.Partition, e.Was, e.Is)
}

// ErrNoCommittedOffset says that --start committed found no committed offset of the group in Kafka.
var ErrNoCommittedOffset = errors.New("the group has no committed offset in Kafka")

// ErrHalted says that Run was stopped while a partition of this member was halted: the log, the ledger and sink status say which and why.
var ErrHalted = errors.New("a partition is halted: see why with sink status, mend it and start again")

// ErrStoppedEarly says that stop ended before anything was read. What failed failed because of that.
var ErrStoppedEarly = errors.New("stopped before anything was read")

// stoppedEarly is ErrStoppedEarly if stop has ended, else err.
func stoppedEarly(stop context.Context, err error) error {
	if stop.Err() != nil {
		return ErrStoppedEarly
	}
	return err
}

// ErrDrainTimeout says that transactions in flight did not end within DrainTimeout of a stop or a rebalance. They were rolled back; nothing
// is lost, the next owner reads the records again.
var ErrDrainTimeout = errors.New("transactions in flight did not end within --drain-timeout and were rolled back")

// Reasons why a pipeline begins again from the ledger.
var (
	// errMoved: the ledger is elsewhere than the pipeline thought. What was buffered is dropped.
	errMoved = errors.New("the ledger moved")
	// errReread: the pipeline itself moved the ledger past a lost range.
	errReread = errors.New("go on from the ledger")
)

// slowError says that a batch took too long, most likely for a statement_timeout.
type slowError struct {
	smaller bool // smaller ones will be tried
	cause   error
}

func (e *slowError) Error() string {
	return fmt.Sprintf("%v: also small transactions take too long; look what slows PostgreSQL down, raise or remove statement_timeout for the sink's role", e.cause)
}
func (e *slowError) Unwrap() error { return e.cause }
