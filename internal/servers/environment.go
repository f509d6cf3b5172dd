// Package servers says how every command reaches the two servers: how sessions of PostgreSQL are set up, how brokers are dialed, and what an
// operator is told when one of them is not as expected. It moves no records and holds no positions.
package servers

import (
	"fmt"
	"strings"
)

// environment.go: the one error that says that a server is not as it should be. database.go and kafka.go return it.

// EnvironmentError says that a server is not as the sink needs it, before anything was read or written.
type EnvironmentError struct {
	What string // what is not as expected, with the address
	Do   string // what the operator can do about it
	Err  error  // the cause, nil if there is none beyond What
}

// Error returns what is wrong, why, and what to do, in one line.
func (e *EnvironmentError) Error() string {
	if e.Err == nil {
		return e.What + ": " + e.Do
	}
	return fmt.Sprintf("%s: %s (%s)", e.What, e.Do, strings.Join(strings.Fields(e.Err.Error()), " ")) // pgx lists attempts in lines
}

// Unwrap returns the cause.
func (e *EnvironmentError) Unwrap() error { return e.Err }
