package localenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// javac.go compiles programs in Java that tests and benchmarks bring, against jars of jars.go.

// CompileJava compiles sources against the jars in a directory and puts the classes into dir. It returns ErrNoJava where there is no compiler.
func CompileJava(ctx context.Context, jars, dir string, sources ...string) error {
	compiler := "javac"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		compiler = filepath.Join(home, "bin", "javac")
	}
	compiler, err := exec.LookPath(compiler)
	if err != nil {
		return fmt.Errorf("%w: javac is not there, only java: install a JDK (such as apt-get install openjdk-17-jdk-headless), or name one in JAVA_HOME", ErrNoJava)
	}
	args := append([]string{"-cp", filepath.Join(jars, "*"), "-d", dir}, sources...)
	if out, err := exec.CommandContext(ctx, compiler, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("compile %v: %w:\n%s", sources, err, out)
	}
	return nil
}
