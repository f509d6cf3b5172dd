package schema

import (
	"strings"
	"time"
)

// ride.go: a ride as Go programs hold it. encode.go writes it, decode.go reads it.

// Null is a value that may be missing. Values of the same T compare with ==.
type Null[T any] struct {
	Value T
	Valid bool // false: NULL
}

// Some returns a value that is there.
func Some[T any](value T) Null[T] { return Null[T]{Value: value, Valid: true} }

// Decimal is a decimal number as text, so that money stays exact: "9.30" is not "9.3", though they are equal. "" is NULL. The decoder
// returns it as PostgreSQL prints it; the encoder also takes ".30", "+1" and "1e3".
type Decimal string

// Ride is a taxi ride. Two rides that the decoder returned are equal if they are equal with ==.
//
// A time is a wall clock of New York without a zone: the decoder returns it as if it were UTC, the encoder takes the clock that the
// time.Time shows, whatever its location, and cuts it to microseconds. In text, "" is NULL.
type Ride struct {
	PickupDatetime       Null[time.Time]
	DropoffDatetime      Null[time.Time]
	VendorID             Null[int32]
	PassengerCount       Null[int32]
	RateCodeID           Null[int32]
	PickupLocationID     Null[int32]
	DropoffLocationID    Null[int32]
	PaymentType          Null[int32]
	TripType             Null[int32]
	TaxiType             string // "yellow" and "green" decide the names of the times in JSON
	StoreAndFwdFlag      string
	TripDistance         Decimal
	FareAmount           Decimal
	Extra                Decimal
	MTATax               Decimal
	TipAmount            Decimal
	TollsAmount          Decimal
	EhailFee             Decimal
	ImprovementSurcharge Decimal
	TotalAmount          Decimal
	CongestionSurcharge  Decimal
	AirportFee           Decimal
	CBDCongestionFee     Decimal
	ExtraFields          string // a JSON object of the fields nobody declared, or ""
}

// ride makes a Ride of the slots.
func (d *Decoder) ride() Ride {
	var r Ride
	for c := range columns {
		if d.set>>c&1 == 0 {
			continue
		}
		s := &d.slots[c]
		switch field := columns[c].of(&r).(type) {
		case *Null[time.Time]:
			micros := int64(s.bits)                                                                 // the same bits
			*field = Some(time.Unix(micros/second+unixToPostgres/second, micros%second*1000).UTC()) // the last years overflow UnixMicro
		case *Null[int32]:
			*field = Some(int32(s.bits)) // integer has checked it
		case *string:
			*field = string(d.text(s))
		case *Decimal:
			*field = Decimal(d.appendPlain(nil, *s))
		}
	}
	r.ExtraFields = string(d.extra)
	return r
}

// appendPlain appends a decimal as PostgreSQL prints it.
func (d *Decoder) appendPlain(dst []byte, s slot) []byte {
	var buffer [maxDigits]byte
	digits := d.appendDigits(buffer[:0], s)
	if s.negative {
		dst = append(dst, '-')
	}
	scale := int(s.scale)
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, '0')
	} else {
		dst = append(dst, digits[:whole]...)
		digits = digits[whole:]
	}
	if scale > 0 {
		dst = append(dst, '.')
		dst = append(dst, strings.Repeat("0", scale-len(digits))...)
		dst = append(dst, digits...)
	}
	return dst
}
