package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Set by the linker where the build has no repository to ask: -X main.version=1.2.3 -X main.commit=abc.
var version, commit string //nolint:gochecknoglobals // the linker sets them, nothing else does

// versionCmd is `sink version`.
type versionCmd struct{}

// Help is shown by sink version --help.
func (*versionCmd) Help() string {
	return `Name this line when you report a fault.

Examples:
  sink version`
}

// Run prints one line.
func (*versionCmd) Run(stdout io.Writer) error {
	v, c := built()
	_, err := fmt.Fprintf(stdout, "sink %s (commit %s, %s, %s/%s)\n", v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// built returns version and commit of this binary, from the linker or else from what the Go tool noted.
func built() (v, c string) {
	v, c = version, commit
	modified := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision" && c == "":
				c = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true" && commit == "":
				modified = "+changes"
			}
		}
	}
	if v == "" {
		v = "(devel)"
	}
	if c == "" {
		return v, "unknown"
	}
	return v, c + modified
}
