package schema

import "time"

// decode.go: a record's value becomes a row or a Ride. It tries layout.go first, then members.go; row.go and ride.go make the result.

// maxValue is the longest value that is looked at: positions and lengths of COPY are 32 bits, and PostgreSQL takes no row of 1 GB.
const maxValue = 1 << 29

// maxExtra is how many bytes of JSON may go into extra_fields, numbers with exponents written out. jsonb takes 256 MB, and the same text
// grows up to six times there; it could hold more that it cannot print.
const maxExtra = 16 << 20

// Coordinates say where a record was read.
type Coordinates struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp int64 // milliseconds since 1970; -1 for none. What timestamptz cannot hold is stored as NULL too.
}

// micros returns the timestamp as timestamptz has it.
func (at *Coordinates) micros() (int64, bool) {
	const (
		first = (firstTimestamp + unixToPostgres) / 1000
		next  = (nextTimestamp + unixToPostgres) / 1000
	)
	if at.Timestamp == -1 || at.Timestamp < first || at.Timestamp >= next {
		return 0, false
	}
	return at.Timestamp*1000 - unixToPostgres, true
}

// Decoder turns records into rows. It remembers how the records before were laid out, which makes the next of the same kind several times
// faster, and keeps its buffers: one goroutine at a time may use it. Use NewDecoder.
type Decoder struct {
	value   []byte              // the record at hand
	slots   [maxColumns]slot    // what it holds, by column
	set     uint64              // bit c: slots[c] is not null
	scratch []byte              // unescaped text, digits of wide decimals
	extra   []byte              // the JSON object of extra_fields, empty for NULL
	members []member            // of the general path
	scan    scanner             // of the record at hand
	newYork *time.Location      // once a zone was seen that needs it
	layouts [maxLayouts]*layout // the latest first; nil where there is none yet
	bare    bool                // no envelope is opened
	opened  int                 // envelopes around the record at hand, of the general path

	// The date that quickTime read last, as it came, and its midnight: most rides of an hour share it.
	yearMonth, dayOfMonth uint64
	midnight              int64
}

// NewDecoder returns a Decoder that has seen nothing yet.
func NewDecoder() *Decoder { return &Decoder{yearMonth: ^uint64(0)} } // which are no digits

// AppendRow appends one tuple of PostgreSQL's binary COPY format for Columns. value may have been written in any dialect and is only
// read; nothing keeps it. The error is a *DecodeError, and dst then comes back as it was.
//
// value must not be nil: a record without a value is a tombstone, and what that means is the caller's to say.
func (d *Decoder) AppendRow(dst []byte, at Coordinates, value []byte) ([]byte, error) {
	bad := d.decode(value)
	if bad == nil {
		dst = d.appendRow(dst, &at)
	}
	d.release()
	if bad != nil {
		return dst, bad
	}
	return dst, nil
}

// Ride decodes value by the same rules as AppendRow.
func (d *Decoder) Ride(value []byte) (Ride, error) {
	bad := d.decode(value)
	var r Ride
	if bad == nil {
		r = d.ride()
	}
	d.release()
	if bad != nil {
		return Ride{}, bad
	}
	return r, nil
}

// DecodeRide decodes one value by the same rules as AppendRow; the error is a *DecodeError. For many use a Decoder's Ride.
func DecodeRide(value []byte) (Ride, error) { return NewDecoder().Ride(value) }

// decode fills the slots.
func (d *Decoder) decode(value []byte) *DecodeError {
	if len(value) > maxValue {
		return &DecodeError{Reason: ReasonTooLarge, Problem: "the value is longer than a row can be", Position: maxValue}
	}
	if d.followLayouts(value) {
		return nil
	}
	if bad := d.general(value); bad != nil {
		return bad
	}
	d.learn()
	return nil
}

// keptBytes and keptMembers are as much of a record's buffers as is kept for the next: a rare huge record must not hold memory for ever.
const (
	keptBytes   = 64 << 10
	keptMembers = 1 << 10
)

// release lets go of the record.
func (d *Decoder) release() {
	d.value, d.scan.value = nil, nil
	if cap(d.scratch) > keptBytes {
		d.scratch = nil
	}
	if cap(d.extra) > keptBytes {
		d.extra = nil
	}
	if cap(d.members) > keptMembers {
		d.members = nil
	}
}

// begin makes everything ready for a record.
func (d *Decoder) begin(value []byte) {
	d.value = value
	d.set = 0
	d.scratch = d.scratch[:0]
	d.extra = d.extra[:0]
	d.scan.reset(value)
}
