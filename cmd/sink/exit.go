package main

import "errors"

// exit.go: what the exit code says. Commands wrap an error in one of these, main.go turns it into the code.

// Exit codes, as users and tests rely on them.
const (
	exitDone        = 0
	exitFailed      = 1   // failed while running, or a partition halted
	exitUsage       = 2   // bad configuration or usage
	exitEnvironment = 3   // servers or tables not as expected
	exitDeadLetters = 4   // done, with dead letters
	exitDifference  = 5   // verify: table and topic differ
	exitInterrupted = 130 // a second signal
)

// exitError gives an error its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }

// usageError says that flags or environment variables cannot be meant as they are.
func usageError(err error) error { return &exitError{code: exitUsage, err: err} }

// environmentError says that a server, its tables or a file is not as the command needs it. Its text says what to do.
func environmentError(err error) error { return &exitError{code: exitEnvironment, err: err} }

// differenceError says that what is stored is not what the topics hold.
func differenceError(err error) error { return &exitError{code: exitDifference, err: err} }

// exitCode returns the code that err stands for: its own, else that of a failure while running.
func exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	}
	return exitFailed
}
