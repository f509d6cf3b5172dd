// Package plural counts things in sentences.
package plural

import "strconv"

// Of is a number and what it counts: "0 records", "1 record", "2 records".
func Of[T int | int64](n T, one string) string {
	return strconv.FormatInt(int64(n), 10) + " " + Either(n, one, one+"s")
}

// Either is the word that goes with a number: one for 1, many for all others.
func Either[T int | int64](n T, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
