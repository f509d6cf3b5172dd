package localenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// jars.go gets what runs in Java from Maven Central, and other things that are fetched once. From where exactly: maven.go; where to: cache.go.

// copyDependencies is the goal, with its plugin's version: what an unversioned one means depends on the Maven.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// FetchJars returns a directory with the jars that a Maven project needs at run time. They are fetched once for this user and kept under
// name, which therefore has to name their versions. It returns ErrNoJava where Maven is not installed.
func FetchJars(ctx context.Context, name, project string) (string, error) {
	return cached(ctx, name, func(dir string) error {
		maven, err := exec.LookPath("mvn")
		if err != nil {
			return fmt.Errorf("%w: mvn is not in PATH", ErrNoJava)
		}
		scratch, err := os.MkdirTemp("", "ridesink-maven-")
		if err != nil {
			return fmt.Errorf("fetch %s: %w", name, err)
		}
		defer os.RemoveAll(scratch) //nolint:errcheck // two small files
		if err := os.WriteFile(filepath.Join(scratch, "pom.xml"), []byte(project), 0o600); err != nil {
			return fmt.Errorf("fetch %s: %w", name, err)
		}
		args, err := mavenArguments(scratch)
		if err != nil {
			return err
		}
		args = append(args, "--batch-mode", "--quiet", "--strict-checksums", copyDependencies, "-DincludeScope=runtime", "-DoutputDirectory="+dir)
		c := exec.CommandContext(ctx, maven, args...)
		c.Dir = scratch
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("fetch %s with Maven from %s: %w: check the connection (HTTPS_PROXY names a proxy, RIDESINK_MAVEN_REPOSITORY "+
				"or a <mirror> in ~/.m2/settings.xml another repository):\n%s", name, mavenRepository(), err, out)
		}
		return nil
	})
}

// Fetch returns the directory name in the user's cache. The first time, fill makes its content in an empty directory, which then moves to
// its place: what has the name is whole. Processes that want it at the same time wait for the one that fills.
func Fetch(ctx context.Context, name string, fill func(dir string) error) (string, error) {
	return cached(ctx, name, fill)
}
