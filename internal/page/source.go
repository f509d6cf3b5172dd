package page

import "time"

// source.go: what the page is made of. cmd/sink fills it from the sink and from PostgreSQL; tests fill it as they like.

// Now is what the process knows at one moment without asking anybody.
type Now struct {
	Ready      error // nil: it does its work
	Partitions []Partition
	Outages    []Outage
	Moved      Counts // by this process since it began
}

// Partition is a partition that this process owns.
type Partition struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Position  int64     `json:"position"`
	LogEnd    int64     `json:"log_end"` // for readers of committed records; -1 while not known
	Lag       int64     `json:"lag"`
	LastWrite time.Time `json:"last_write,omitzero"` // zero before the first
	Halted    string    `json:"halted_reason,omitempty"`
	Moved     int64     `json:"moved"` // records, by this process
	Rate      *float64  `json:"records_per_second,omitempty"`
}

// lag is how many offsets are not stored yet. It is not known before the first fetch, and not while the partition is halted: nobody asks its
// broker then.
func (p Partition) lag() (offsets int64, known bool) { return p.Lag, p.LogEnd >= 0 && p.Halted == "" }

// Outage is a server that does not answer.
type Outage struct {
	Server   string    `json:"server"` // postgres or kafka
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"`
}

// Counts is what became of offsets.
type Counts struct {
	Inserted    int64 `json:"inserted"`
	DeadLetters int64 `json:"dead_letters"`
	Tombstones  int64 `json:"tombstones"`
	NotRecords  int64 `json:"not_records"`
	Lost        int64 `json:"lost"`
}

// Records is how many of the offsets were records.
func (c Counts) Records() int64 { return c.Inserted + c.DeadLetters + c.Tombstones }

// Stored is what PostgreSQL holds of all partitions of the topics, whoever stored it.
type Stored struct {
	Partitions int      `json:"partitions"`
	Halted     int      `json:"halted"`
	Totals     Counts   `json:"totals"`
	Examined   int64    `json:"dead_letters_examined"` // the newest of each partition, not more than a bound
	Reasons    []Reason `json:"reasons"`               // of those that were examined
}

// Reason is why records became dead letters.
type Reason struct {
	Name    string    `json:"reason"`
	Seen    int64     `json:"seen"` // among those that were examined
	Newest  time.Time `json:"newest"`
	Samples []Sample  `json:"samples"`
}

// Sample is a dead letter.
type Sample struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	At        time.Time `json:"at"`
	// Of the record itself, only where values may be shown:
	Error string `json:"error,omitempty"`
	Value []byte `json:"value,omitempty"` // its beginning
	Size  int    `json:"size,omitempty"`  // of the whole value
}

// Setting is a line of the configuration. It holds no secret.
type Setting struct{ Name, Value string }
