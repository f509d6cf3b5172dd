// Package synthetic makes taxi rides that no one took, in the shape of New York: rush hours and weekend nights, busy zones and quiet ones,
// fares that follow distance and time, tips by the way of paying, a few missing values and refunds. The same seed makes the same
// rides, for ever: tests and measurements name a seed instead of keeping a file.
//
//	generator.go  one ride
//	city.go       what the city is like: hours, zones, distances, speeds
//	money.go      amounts as text
//	choice.go     random choice by weight
package synthetic
