package e2e

import (
	"strings"
	"testing"

	"ridesink/internal/localenv"
)

// produce_formats_test.go: what sink produce --format writes, through a real registry.

// TestProduceFormats holds: the same rides in plain JSON and in each format of the registry, in one topic, become the same rows, to the digit.
func TestProduceFormats(t *testing.T) {
	t.Parallel()
	registry := localenv.SchemaRegistry(t)
	s := newScene(t, 3).withRegistry(registry)
	formats := []string{"json", "json-schema", "avro", "protobuf"}
	const rides = 2000
	for _, format := range append(formats, "avro") { // the second time its schema is there already
		s.synthetic(rides, 7, "--format="+format).wantExit(0, longWait)
	}
	s.backfilled(0)
	conn := s.connect()
	columns := strings.Split(storedColumns, ", ")
	same := strings.Join(columns, "::text, ") + "::text" // 9.3 is not 9.30
	const each = int64(5)
	if n := s.countRides(conn); n != each*rides {
		t.Fatalf("%d rows, want %d", n, each*rides)
	}
	if n := value[int64](t, conn, "SELECT count(*) FROM (SELECT FROM rides GROUP BY "+same+" HAVING count(*) % $1 <> 0) AS g", each); n != 0 {
		t.Errorf("%d rides are not the same in each format", n)
	}
	if n := value[int64](t, conn, "SELECT count(*) FROM rides WHERE taxi_type = 'yellow' AND fare_amount IS NOT NULL AND pickup_datetime IS NOT NULL AND extra_fields IS NULL"); n != each*rides {
		t.Errorf("%d rows are whole, want %d", n, each*rides)
	}
	s.verified(0)
}
