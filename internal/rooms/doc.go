// Package rooms holds the test that keeps the packages apart: who may import whom.
package rooms
