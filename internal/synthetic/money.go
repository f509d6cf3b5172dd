package synthetic

import (
	"strconv"

	"ridesink/schema"
)

// money.go: amounts as exact text without an allocation each.

// amounts is the text of every amount below a limit, "-0.00-0.01-0.02...", so that an amount is a part of it.
type amounts struct {
	text  string
	first []uint32 // where the text of an amount begins, its sign first
}

// amountLimit is the number of cents from which on the text is made anew.
const amountLimit = 20_000

func newAmounts() amounts {
	a := amounts{first: make([]uint32, 0, amountLimit+1)}
	var text []byte
	for cents := range amountLimit {
		a.first = append(a.first, uint32(len(text)))
		text = appendCents(append(text, '-'), cents)
	}
	a.first = append(a.first, uint32(len(text)))
	a.text = string(text)
	return a
}

// of returns an amount in cents, or hundredths of anything, as a decimal with two places.
func (a *amounts) of(cents int) schema.Decimal {
	sign := uint32(1) // where the text begins without its sign
	if cents < 0 {
		sign, cents = 0, -cents
	}
	if cents < amountLimit {
		return schema.Decimal(a.text[a.first[cents]+sign : a.first[cents+1]])
	}
	return schema.Decimal(appendCents([]byte("-"), cents)[sign:])
}

func appendCents(dst []byte, cents int) []byte {
	dst = strconv.AppendInt(dst, int64(cents/100), 10)
	return append(dst, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}
