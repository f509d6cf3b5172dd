package sink

// points.go: the named places at which a test can stop or kill the sink. In production points is nil and reached does nothing; a build with the tag
// faultpoints takes them from the environment (points_faultpoints.go).

// point names a place between two instructions.
type point string

const (
	afterCopy    point = "afterCopy"    // rows and dead letters are in the transaction, the ledger's row is not locked
	afterAdvance point = "afterAdvance" // the ledger's row is locked, nothing is durable; COMMIT is sent next
	afterEnd     point = "afterEnd"     // durable, nobody knows
	beforeCommit point = "beforeCommit" // before offsets are committed to Kafka
	afterCommit  point = "afterCommit"  // Kafka has the offsets
)

// points calls a test's function where the sink reaches a point.
type points struct {
	at func(point)
}

func (p *points) reached(at point) {
	if p != nil && p.at != nil {
		p.at(at)
	}
}
