package localenv

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// postgres_fetch.go gets PostgreSQL's programs from Maven Central, with the library embedded-postgres.

// defaultMajor is what is fetched where no version is asked for.
const defaultMajor = "18"

// fetchable returns the whole version that stands for a major one.
func fetchable(version string) (string, error) {
	switch version {
	case "", defaultMajor:
		return "18.1.0", nil
	case "17":
		return "17.7.0", nil
	case "16":
		return "16.10.0", nil
	case "15":
		return "15.15.0", nil
	}
	if strings.Count(version, ".") == 2 {
		return version, nil
	}
	return "", fmt.Errorf("PostgreSQL %s is not installed here, and not known to fetch: install it, or ask for 15 to 18", version)
}

// fetchPostgres returns a directory with bin, lib and share of a version. It is fetched once for this user.
func fetchPostgres(ctx context.Context, version string) (string, error) {
	release, err := fetchable(version)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("postgres-%s-%s-%s", release, runtime.GOOS, runtime.GOARCH)
	dir, err := cached(ctx, name, func(dir string) error { return unpackPostgres(ctx, release, dir) })
	if err != nil {
		return "", err
	}
	return dir, nil
}

// unpackPostgres downloads a release and unpacks it into dir.
//
// The library can only do that and go on to start a server, in one call, and would start it as this user, which root may not. So it is
// given a directory that claims to be a database cluster and is none: it downloads, checks the checksum, unpacks everything, and then
// pg_ctl refuses. That pg_ctl had something to say is the proof that all was unpacked before.
func unpackPostgres(ctx context.Context, release, dir string) error {
	scratch, err := os.MkdirTemp(dir, "scratch-")
	if err != nil {
		return fmt.Errorf("unpack PostgreSQL: %w", err)
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // in a directory that is removed or, at worst, has a useless file more
	data := filepath.Join(scratch, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("unpack PostgreSQL: %w", err)
	}
	major, _, _ := strings.Cut(release, ".")
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major+"\n"), 0o600); err != nil {
		return fmt.Errorf("unpack PostgreSQL: %w", err)
	}
	port, err := reservePort()
	if err != nil {
		return err
	}
	defer port.release()
	defer removeLogs(time.Now())
	defer http.DefaultClient.CloseIdleConnections() // which the library leaves
	var refused saidSomething
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedpostgres.PostgresVersion(release)).BinaryRepositoryURL(mavenRepository()).Port(uint32(port.number)).
		CachePath(filepath.Join(scratch, "archive")).RuntimePath(filepath.Join(scratch, "run")).DataPath(data).BinariesPath(dir).Logger(&refused))
	ended := make(chan error, 1)
	go func() { ended <- library.Start() }() // the library takes no context: after a cancellation it goes on until the download ends
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !refused.Load() {
		return fmt.Errorf("fetch PostgreSQL %s from %s: %w: check the connection (HTTPS_PROXY names a proxy, RIDESINK_MAVEN_REPOSITORY or a "+
			"<mirror> in ~/.m2/settings.xml another repository), or install PostgreSQL (such as apt-get install postgresql)", release, mavenRepository(), err)
	}
	return nil
}

// removeLogs removes what the library leaves in the directory for temporary files: its log.
func removeLogs(since time.Time) {
	logs, _ := filepath.Glob(filepath.Join(os.TempDir(), "embedded_postgres_log*"))
	for _, log := range logs {
		if info, err := os.Stat(log); err == nil && !info.ModTime().Before(since) {
			_ = os.Remove(log)
		}
	}
}

// saidSomething is a writer that notes whether anything was written.
type saidSomething struct{ atomic.Bool }

func (s *saidSomething) Write(p []byte) (int, error) {
	if len(p) > 0 {
		s.Store(true)
	}
	return len(p), nil
}
