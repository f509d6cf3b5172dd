//go:build !profile

package main

// profile_off.go: the production build writes no profile.

func profiled(run func() int) int { return run() }
