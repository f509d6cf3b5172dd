package migrations

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/golang-migrate/migrate/v4/database"
)

// recover.go: what a killed migration leaves, and how it is mended without guessing.

// DirtyError says that a migration was interrupted: whether its file was applied is not known from the version alone.
type DirtyError struct {
	Version uint // that it would have led to
}

func (e *DirtyError) Error() string {
	return fmt.Sprintf("a migration to version %d was interrupted: run: sink migrate up --recover", e.Version)
}

// Recover takes back the dirty mark of an interrupted migration and returns the version that the tables really have: the mark that each
// file leaves in its transaction tells whether it was applied. It waits for a migration that still runs, at most lockWait, and does nothing
// to a database without a dirty mark. Then [Up] can go on.
func Recover(ctx context.Context, databaseURL string) (version uint, err error) {
	s, err := open(ctx, databaseURL)
	if err != nil {
		return 0, err
	}
	defer s.close()
	version, err = s.recover(ctx)
	return version, explain(err, s.address)
}

// recover does so under the migrations' lock, so that nobody is half way.
func (s *session) recover(ctx context.Context) (version uint, err error) {
	if err := s.driver.Lock(); err != nil {
		return 0, fmt.Errorf("lock %s: %w", versionTable, err)
	}
	defer func() { err = errors.Join(err, s.driver.Unlock()) }()
	number, dirty, err := s.driver.Version()
	if err != nil || !dirty {
		return number0(number), err
	}
	applied, err := s.applied(ctx)
	if err != nil {
		return 0, err
	}
	// The version is where the step would have led: from one below or above, or it was reached.
	if begun := number0(number); applied+1 < begun || applied > begun+1 {
		return 0, fmt.Errorf("%s has version %d, and its comment says that %d was applied, which one interrupted migration cannot leave: compare the tables with the files and set both by hand", versionTable, begun, applied)
	}
	target := int(applied)
	if applied == 0 {
		target = database.NilVersion
	}
	if err := s.driver.SetVersion(target, false); err != nil {
		return 0, fmt.Errorf("set %s to %d: %w", versionTable, applied, err)
	}
	return applied, nil
}

// appliedMark is how a file's comment on the version table ends.
var appliedMark = regexp.MustCompile(`Applied: ([0-9]{1,9})$`)

// applied returns the version that was last applied or reverted to as a whole, 0 if none was.
func (s *session) applied(ctx context.Context) (uint, error) {
	var comment string
	err := s.db.QueryRowContext(ctx, "SELECT coalesce(obj_description($1::regclass, 'pg_class'), 'Applied: 0')", versionTable).Scan(&comment)
	if err != nil {
		return 0, fmt.Errorf("read the comment of %s: %w", versionTable, err)
	}
	match := appliedMark.FindStringSubmatch(comment)
	if match == nil {
		return 0, fmt.Errorf("the comment of %s does not say what was applied: somebody changed it; compare the tables with the files and set version and dirty by hand", versionTable)
	}
	number, err := strconv.ParseUint(match[1], 10, 32)
	return uint(number), err
}
