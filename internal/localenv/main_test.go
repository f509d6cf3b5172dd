package localenv

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if how := os.Getenv(endVariable); how != "" {
		startAndEnd(how) // does not return
	}
	os.Exit(Main(m))
}
