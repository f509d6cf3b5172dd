package synthetic

import "math"

// city.go: what the city is like. generator.go asks it; nothing here depends on the seed.

// Zones are numbered from 1 to zones, as the TLC does.
const (
	zones     = 265
	newark    = 1
	jfk       = 132
	laGuardia = 138
	unknown   = 264 // the first of two zones for rides whose place is not known
)

// weekday and weekend are rides by hour of the day.
var (
	weekday = [24]float64{17, 10, 6, 5, 5, 8, 20, 36, 46, 45, 42, 43, 46, 46, 48, 48, 44, 52, 60, 57, 50, 48, 44, 32}   //nolint:gochecknoglobals // read only
	weekend = [24]float64{46, 42, 34, 24, 15, 8, 8, 11, 18, 27, 36, 42, 46, 46, 46, 46, 46, 49, 53, 52, 45, 43, 45, 44} //nolint:gochecknoglobals // read only
)

// speed is how fast a taxi gets on by hour of the day, in miles an hour.
var speed = [24]float64{16, 17, 18, 19, 20, 19, 15, 11.5, 9.5, 9.2, 9.2, 9, 9, 9, 8.8, 8.6, 8.8, 8.6, 9, 10.2, 11.4, 12, 12.8, 14.2} //nolint:gochecknoglobals // read only

// Rides by pickup zone of the busiest zones, the first ones of yellow and of green taxis; all others have quietZone.
var (
	yellowZones = map[int]float64{ //nolint:gochecknoglobals // read only
		237: 48, 161: 45, 236: 44, 162: 40, 186: 39, 230: 37, jfk: 37, 48: 34, 170: 34, 142: 33, 234: 32, 239: 31, 163: 30, 141: 29, laGuardia: 28,
		79: 26, 107: 26, 68: 25, 100: 24, 238: 24, 164: 23, 263: 22, 140: 22, 249: 22, 229: 21, 229 + 4: 19, 246: 19, 43: 18, 262: 17, 113: 17,
		114: 15, 90: 15, 231: 15, 143: 14, 151: 13, 137: 12, 50: 12, 144: 11, 75: 10, 148: 10, 166: 9, 158: 9, 211: 8, 87: 8, 74: 8, 125: 7, 13: 7, 261: 7, 24: 6, 41: 6,
	}
	greenZones = map[int]float64{ //nolint:gochecknoglobals // read only
		74: 60, 75: 58, 41: 42, 42: 28, 95: 24, 82: 24, 166: 23, 43: 20, 97: 18, 7: 17, 244: 13, 152: 12, 236: 11, 181: 11, 129: 11, 65: 11, 66: 10, 49: 9, 33: 9, 25: 9,
		116: 8, 130: 8, 24: 7, 238: 7, 260: 7, 92: 6, 83: 6, 226: 6, 223: 5, 247: 5,
	}
)

const quietZone = 0.35

// manhattan has the zones inside the congestion zone and around it.
var manhattan = [...]int{ //nolint:gochecknoglobals // read only
	4, 12, 13, 24, 41, 42, 43, 45, 48, 50, 68, 74, 75, 79, 87, 88, 90, 100, 103, 107, 113, 114, 116, 120, 125, 127, 128, 137, 140, 141, 142, 143, 144, 148, 151, 152, 153, 158,
	161, 162, 163, 164, 166, 170, 186, 194, 202, 209, 211, 224, 229, 230, 231, 232, 233, 234, 236, 237, 238, 239, 243, 244, 246, 249, 261, 262, 263,
}

// place is where a zone lies, in miles, and whether it is in Manhattan.
type place struct {
	x, y      float64
	manhattan bool
}

// city is the places and the choices among them.
type city struct {
	places  [zones + 1]place
	hours   choice // of the week, from Monday 0:00
	pickups choice // of zone - 1
}

func newCity(busy map[int]float64) *city {
	c := &city{}
	for zone := 1; zone <= zones; zone++ {
		a, b := fraction(uint64(zone)*2), fraction(uint64(zone)*2+1)
		c.places[zone] = place{x: 1 + 12*a, y: -6 + 18*b} // the other boroughs
	}
	for i, zone := range manhattan { // a strip two miles wide, at an angle to nothing
		at := float64(i) / float64(len(manhattan))
		c.places[zone] = place{x: 2 * fraction(uint64(zone)), y: 11 * math.Abs(2*fraction(uint64(zone)*7)-at), manhattan: true}
	}
	c.places[newark] = place{x: -9, y: 0}
	c.places[jfk] = place{x: 12, y: -3}
	c.places[laGuardia] = place{x: 6.5, y: 7}

	week := make([]float64, 0, 7*24)
	for day := range 7 {
		for hour := range 24 {
			// The night after Friday is a weekend's, the one after Sunday is not.
			if day == 5 || day == 6 && hour < 22 || day == 4 && hour >= 22 {
				week = append(week, weekend[hour])
			} else {
				week = append(week, weekday[hour]*(1+0.03*float64(day)))
			}
		}
	}
	c.hours = newChoice(week)

	weights := make([]float64, zones)
	for i := range weights {
		weights[i] = quietZone
		if w, ok := busy[i+1]; ok {
			weights[i] = w
		}
	}
	c.pickups = newChoice(weights)
	return c
}

// fraction is a fixed number of [0,1) for each n (the end of splitmix64).
func fraction(n uint64) float64 {
	n += 0x9e3779b97f4a7c15 * (n + 1)
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return float64((n^n>>31)>>11) / (1 << 53)
}

// miles is the way between two zones, along streets.
func (c *city) miles(from, to int) float64 {
	a, b := &c.places[from], &c.places[to]
	return 0.45 + 0.75*(math.Abs(a.x-b.x)+math.Abs(a.y-b.y))
}
