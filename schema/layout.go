package schema

// layout.go: the fast path, for records that are laid out like an earlier one. Before it decode.go.

const maxLayouts = 8

type layout struct{}

func (d *Decoder) followLayouts([]byte) bool { return false }

func (d *Decoder) learn() {}
