package rooms

import (
	"os/exec"
	"strings"
	"testing"
)

// Who must not link what, and why. Dependencies of dependencies count.
func TestRoomsAreKeptApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ room, mustNot, because string }{
		{"ridesink/schema", "github.com/segmentio/kafka-go", "what a ride is does not depend on where it came from"},
		{"ridesink/schema", "github.com/jackc/pgx/v5", "what a ride is does not depend on the client that stores it"},
		{"ridesink/schema", "ridesink/sink", "imports go one way"},
		{"ridesink/internal/partlog", "ridesink/sink", "imports go one way"},
		{"ridesink/internal/partlog", "ridesink/schema", "the log knows bytes, not rides"},
		{"ridesink/internal/partlog", "github.com/jackc/pgx/v5", "the log knows no database"},
		{"ridesink/internal/serde", "github.com/segmentio/kafka-go", "a format does not depend on where a value came from"},
		{"ridesink/internal/serde", "github.com/jackc/pgx/v5", "a format does not depend on where a ride goes"},
		{"ridesink/internal/serde", "ridesink/internal/servers", "the registry is another kind of server"},
		{"ridesink/internal/servers", "ridesink/schema", "how servers are reached does not depend on what a ride is"},
		{"ridesink/sink", "ridesink/migrations", "the sink finds its tables, it does not make them"},
		{"ridesink/sink", "github.com/alecthomas/kong", "only the command reads flags"},
		{"ridesink/sink", "ridesink/internal/localenv", "servers of our own are for tests and the demo"},
		{"ridesink/cmd/sink", "ridesink/internal/localenv", "servers of our own are for tests and the demo"},
		{"ridesink/cmd/sink", "github.com/twmb/franz-go/pkg/kfake", "only the demo links the fake broker"},
		{"ridesink/cmd/sink", "github.com/twmb/franz-go/pkg/kgo", "kgo is the tests' independent client"},
		{"ridesink/cmd/sink", "testing", "tests stay out of the binary"},
	} {
		t.Run(strings.TrimPrefix(c.room, "ridesink/")+" without "+c.mustNot, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", c.room).Output()
			if err != nil {
				t.Fatalf("go list -deps %s: %v", c.room, err)
			}
			for _, linked := range strings.Fields(string(out)) {
				if linked == c.mustNot || strings.HasPrefix(linked, c.mustNot+"/") {
					t.Errorf("%s links %s: %s", c.room, linked, c.because)
				}
			}
		})
	}
}
