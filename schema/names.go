package schema

// names.go: from a name as it arrives to its column. Before it scan.go; the names are those of fields.go.

// taxi is the type of taxi that a name tells.
type taxi uint8

const (
	noTaxi taxi = iota
	yellowTaxi
	greenTaxi
)

// text returns what the column taxi_type says.
func (t taxi) text() string {
	switch t {
	case yellowTaxi:
		return "yellow"
	case greenTaxi:
		return "green"
	default:
		return ""
	}
}

// name is what a name means.
type name struct {
	column uint8
	taxi   taxi
}

// longestName bounds the names that are looked at: a longer one is nobody's.
const longestName = 64

// names has every name of the table, folded.
var names = indexNames() //nolint:gochecknoglobals // read only

func indexNames() map[string]name {
	index := make(map[string]name)
	for i := range columns {
		c := &columns[i]
		if !c.arrives() {
			continue
		}
		for _, n := range c.names() {
			means := name{column: uint8(i)} // a column of the table
			switch n {
			case c.yellow:
				means.taxi = yellowTaxi
			case c.green:
				means.taxi = greenTaxi
			}
			var folded [longestName]byte
			index[string(fold(folded[:0], []byte(n)))] = means
		}
	}
	return index
}

// fold appends n to dst without underscores and in lower case: VendorID, vendor_id and vendorId are one name.
func fold(dst, n []byte) []byte {
	for _, c := range n {
		switch {
		case c == '_':
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c|0x20)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// lookUp finds what a name (unescaped) means.
func lookUp(n []byte) (name, bool) {
	if len(n) > longestName {
		return name{}, false
	}
	var folded [longestName]byte
	means, known := names[string(fold(folded[:0], n))]
	return means, known
}
