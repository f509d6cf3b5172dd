package e2e

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ridesink/internal/localenv"
)

// main_test.go builds the binary once, before any test, and hands it to them in the environment.

const (
	binaryVariable = "TEST_SINK_BINARY"
	raceVariable   = "TEST_SINK_RACE"
)

func TestMain(m *testing.M) {
	runMany()
	os.Exit(withBinary(func() int { return localenv.Main(m) }))
}

// runMany runs many tests at once, unless -parallel says how many: most of the time they wait for session timeouts, not for a processor.
func runMany() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err) // the testing package has this flag
	}
}

// noticeChanges looks at every source file of the project, so that `go test` does not take a result from its cache that another sink
// earned: it knows the files that a test process looked at, and nothing of what that process had built.
func noticeChanges() error {
	return filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if ext := filepath.Ext(path); ext == ".go" || ext == ".sql" || ext == ".mod" {
			_, err = os.Stat(path)
		}
		return err
	})
}

// withBinary calls run while TEST_SINK_BINARY names a sink: the one given from outside, else one built for this process.
func withBinary(run func() int) int {
	if os.Getenv(binaryVariable) != "" {
		return run()
	}
	if err := noticeChanges(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: look at the sources:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "ridesink-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: make a directory for the binary:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "sink")
	args := []string{"build", "-tags", "faultpoints", "-o", binary}
	if os.Getenv(raceVariable) != "" {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "ridesink/cmd/sink")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: build the sink: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return run()
}

// full says that the longer form of a test is wanted.
func full() bool { return os.Getenv("TEST_FULL") != "" }
