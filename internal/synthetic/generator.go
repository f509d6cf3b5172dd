package synthetic

import (
	"math/rand/v2"
	"time"

	"ridesink/schema"
)

// generator.go: one ride after the other. Amounts are in cents until the end.

// Taxi is the kind of taxi.
type Taxi uint8

// Kinds of taxis. Green ones serve what yellow ones do not, and have fields of their own.
const (
	Yellow Taxi = iota + 1
	Green
)

// Days is the span of pickup times, from First on: four weeks.
const Days = 28

// First is the first day, a Monday.
func First() time.Time { return time.Date(2020, time.February, 3, 0, 0, 0, 0, time.UTC) }

// Generator makes rides. It is for one goroutine, and never ends.
type Generator struct {
	random  *rand.PCG
	taxi    Taxi
	city    *city
	amounts amounts
}

// New returns a generator whose rides depend on seed and taxi only.
func New(seed uint64, taxi Taxi) *Generator {
	busy := yellowZones
	if taxi == Green {
		busy = greenZones
	}
	return &Generator{random: rand.NewPCG(seed, uint64(taxi)), taxi: taxi, city: newCity(busy), amounts: newAmounts()}
}

// fraction returns a number of [0,1).
func (g *Generator) fraction() float64 { return float64(g.random.Uint64()>>11) / (1 << 53) }

// chance is true in p of all cases.
func (g *Generator) chance(p float64) bool { return g.fraction() < p }

// below returns a number of [0,n).
func (g *Generator) below(n int) int { return int(g.fraction() * float64(n)) }

// trip is where and when.
type trip struct {
	from, to        int
	pickup, dropoff time.Time
	day, hour       int // of the week, of the day
	hundredths      int // of a mile
	minutes         float64
}

// bill is what it costs, in cents.
type bill struct{ fare, extra, tax, tip, tolls, improvement, congestion int }

func (b *bill) total() int {
	return b.fare + b.extra + b.tax + b.tip + b.tolls + b.improvement + b.congestion
}

// Payment types and rate codes of the TLC.
const (
	byCard = 1 + iota
	byCash
	noCharge
	disputed
)

const (
	standardRate   = 1
	jfkRate        = 2
	newarkRate     = 3
	negotiatedRate = 5
)

// Next returns the next ride.
func (g *Generator) Next() schema.Ride {
	t := g.trip()
	rate := g.rate(&t)
	payment := g.payment()
	b := g.bill(&t, rate, payment)
	sign := 1
	if payment >= noCharge && g.chance(0.4) { // a refund takes all of it back
		sign = -1
	}
	r := schema.Ride{
		PickupDatetime:       schema.Some(t.pickup),
		DropoffDatetime:      schema.Some(t.dropoff),
		VendorID:             schema.Some(int32(1 + g.below(3)&1)),
		PassengerCount:       schema.Some(g.passengers()),
		RateCodeID:           schema.Some(rate),
		PickupLocationID:     schema.Some(int32(t.from)),
		DropoffLocationID:    schema.Some(int32(t.to)),
		PaymentType:          schema.Some(payment),
		TaxiType:             "yellow",
		StoreAndFwdFlag:      "N",
		TripDistance:         g.amounts.of(t.hundredths),
		FareAmount:           g.amounts.of(sign * b.fare),
		Extra:                g.amounts.of(sign * b.extra),
		MTATax:               g.amounts.of(sign * b.tax),
		TipAmount:            g.amounts.of(sign * b.tip),
		TollsAmount:          g.amounts.of(sign * b.tolls),
		ImprovementSurcharge: g.amounts.of(sign * b.improvement),
		TotalAmount:          g.amounts.of(sign * b.total()),
		CongestionSurcharge:  g.amounts.of(sign * b.congestion),
	}
	if g.chance(0.01) {
		r.StoreAndFwdFlag = "Y"
	}
	if g.taxi == Green {
		r.TaxiType = "green"
		r.TripType = schema.Some(int32(1))
		if rate == negotiatedRate {
			r.TripType.Value = 2
		}
	}
	if g.chance(0.01) { // some meters send less
		r.PassengerCount, r.RateCodeID, r.StoreAndFwdFlag, r.TripType = schema.Null[int32]{}, schema.Null[int32]{}, "", schema.Null[int32]{}
	}
	return r
}

// trip chooses where, when and how far.
func (g *Generator) trip() trip {
	hourOfWeek := g.city.hours.pick(g.random.Uint64())
	t := trip{day: hourOfWeek / 24, hour: hourOfWeek % 24}
	t.pickup = First().Add(time.Duration(g.below(Days/7)*7*24+hourOfWeek)*time.Hour + time.Duration(g.below(3600))*time.Second)
	t.from = 1 + g.city.pickups.pick(g.random.Uint64())
	t.to = 1 + g.city.pickups.pick(g.random.Uint64())
	if g.chance(0.12) { // people go anywhere
		t.to = 1 + g.below(zones)
	}
	miles := g.city.miles(t.from, t.to) * (0.85 + 0.4*g.fraction())
	if t.from >= unknown || t.to >= unknown {
		miles = 0.5 + 6*g.fraction()
	}
	t.minutes = 1.5 + 60*miles/(speed[t.hour]+0.6*miles)*(0.8+0.5*g.fraction())
	t.hundredths = int(100 * miles)
	t.dropoff = t.pickup.Add(time.Duration(60*t.minutes) * time.Second)
	return t
}

// rate is the rate code.
func (g *Generator) rate(t *trip) int32 {
	switch {
	case t.from == jfk && g.city.places[t.to].manhattan, t.to == jfk && g.city.places[t.from].manhattan:
		return jfkRate
	case t.to == newark:
		return newarkRate
	case g.chance(0.006) || g.taxi == Green && g.chance(0.03):
		return negotiatedRate
	}
	return standardRate
}

// payment is the payment type.
func (g *Generator) payment() int32 {
	card := 0.735
	if g.taxi == Green {
		card = 0.58
	}
	switch p := g.fraction(); {
	case p < card:
		return byCard
	case p < 0.988:
		return byCash
	case p < 0.996:
		return noCharge
	}
	return disputed
}

// passengers is mostly one.
func (g *Generator) passengers() int32 {
	switch p := g.fraction(); {
	case p < 0.72:
		return 1
	case p < 0.87:
		return 2
	case p < 0.91:
		return 3
	case p < 0.93:
		return 4
	case p < 0.96:
		return 5
	case p < 0.98:
		return 6
	}
	return 0
}

// bill applies the tariff of 2020: 2.50 to begin with, then 0.50 for each fifth of a mile, or minute in slow traffic.
func (g *Generator) bill(t *trip, rate, payment int32) bill {
	b := bill{fare: 250 + 50*int(float64(t.hundredths)/20*0.85+t.minutes*0.35), tax: 50, improvement: 30}
	switch rate {
	case jfkRate:
		b.fare = 5200
	case newarkRate:
		b.fare += 1750
	case negotiatedRate:
		b.fare, b.tax = 500*(3+g.below(16)), 0
	}
	switch {
	case rate != standardRate:
	case t.day < 5 && t.hour >= 16 && t.hour < 20:
		b.extra = 100
	case t.hour >= 20 || t.hour < 6:
		b.extra = 50
	}
	if g.city.places[t.from].manhattan || g.city.places[t.to].manhattan {
		b.congestion = 250
		if g.taxi == Green {
			b.congestion = 275
		}
	}
	if airport := t.from == jfk || t.to == jfk || t.from == laGuardia || t.to == laGuardia; g.chance(0.004) || airport && g.chance(0.5) {
		b.tolls = 612
	}
	if payment == byCard { // the screen offers 20, 25 and 30 %; cash tips are not recorded
		switch p := g.fraction(); {
		case p < 0.06:
		case p < 0.66:
			b.tip = b.total() / 5
		case p < 0.80:
			b.tip = b.total() / 4
		case p < 0.84:
			b.tip = b.total() * 3 / 10
		default:
			b.tip = 100 * (1 + g.below(5))
		}
	}
	return b
}
