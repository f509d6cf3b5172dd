package localenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// postgres_programs.go finds initdb and postgres: installed ones, else fetched ones (postgres_fetch.go).

// programs is a directory with the server's programs.
type programs struct {
	dir     string
	version string // as they print it: 15.18, 18.1
}

func (p programs) path(name string) string { return filepath.Join(p.dir, name) }

func (p programs) major() string {
	major, _, _ := strings.Cut(p.version, ".")
	return major
}

// findPrograms returns the programs of a version that the account can run (PostgresOptions.Version says what a version means). If it
// cannot go where the fetched ones are cached, such as below /root, it gets a copy in dir.
func findPrograms(ctx context.Context, version string, as account, dir string) (programs, error) {
	if given := os.Getenv("RIDESINK_POSTGRES"); filepath.IsAbs(given) && version == "" {
		found, err := programsIn(ctx, given)
		if err == nil && !as.reaches(given) {
			err = fmt.Errorf("it cannot be reached%s", as)
		}
		if err != nil {
			return programs{}, fmt.Errorf("RIDESINK_POSTGRES=%s is no directory with initdb and postgres: %w", given, err)
		}
		return found, nil
	} else if given != "" && given != "auto" && given != "embedded" && !filepath.IsAbs(given) {
		return programs{}, fmt.Errorf("RIDESINK_POSTGRES=%s: it must be auto, embedded or the absolute path of a directory with initdb and postgres", given)
	}
	if wantsInstalled(version) {
		if found, ok := newest(installed(ctx, as), version); ok {
			return found, nil
		}
	}
	root, err := fetchPostgres(ctx, version)
	if err != nil {
		return programs{}, err
	}
	if !as.reaches(root) {
		theirs := filepath.Join(dir, "programs")
		if err := os.RemoveAll(theirs); err != nil { // of a server before, in a directory that stayed
			return programs{}, fmt.Errorf("copy PostgreSQL: %w", err)
		}
		if err := os.CopyFS(theirs, os.DirFS(root)); err != nil {
			return programs{}, fmt.Errorf("copy PostgreSQL to where it can be reached%s: %w", as, err)
		}
		if err := as.own(theirs); err != nil {
			return programs{}, fmt.Errorf("copy PostgreSQL to where it can be reached%s: %w", as, err)
		}
		root = theirs
	}
	return programsIn(ctx, filepath.Join(root, "bin"))
}

// wantsInstalled says whether an installed server will do.
func wantsInstalled(version string) bool {
	return os.Getenv("RIDESINK_POSTGRES") != "embedded" && version != defaultMajor && !strings.Contains(version, ".")
}

// newest returns the newest of the programs, among those of the major version if one is given.
func newest(found []programs, major string) (programs, bool) {
	found = slices.DeleteFunc(found, func(p programs) bool { return major != "" && p.major() != major })
	if len(found) == 0 {
		return programs{}, false
	}
	return slices.MaxFunc(found, func(a, b programs) int { return slices.Compare(a.numbers(), b.numbers()) }), true
}

// numbers are the parts of the version, for comparing.
func (p programs) numbers() (numbers []int) {
	for part := range strings.SplitSeq(p.version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// installed lists the servers of this machine that the account can run.
func installed(ctx context.Context, as account) []programs {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", // Debian, Red Hat, Alpine
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin", "/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern)
		dirs = append(dirs, matches...)
	}
	var found []programs
	seen := map[string]bool{}
	for _, dir := range dirs {
		// A link to the server, as in /usr/local/bin, is followed: its neighbours are needed too.
		server, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil || seen[server] {
			continue
		}
		seen[server] = true
		if p, err := programsIn(ctx, filepath.Dir(server)); err == nil && as.reaches(p.dir) {
			found = append(found, p)
		}
	}
	return found
}

// versionPattern finds the version in "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+(?:\.\d+)?)`)

// programsIn makes sure that dir has initdb and a server that runs.
func programsIn(ctx context.Context, dir string) (programs, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return programs{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return programs{}, fmt.Errorf("%s --version: %w", filepath.Join(dir, "postgres"), err)
	}
	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return programs{}, errors.New("it does not print a version of PostgreSQL")
	}
	return programs{dir: dir, version: string(match[1])}, nil
}
