package sink

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// types_test.go: a column of rides that gets another type. COPY in binary form would store other values in it.

// A sink does not begin on a table whose columns have other types, names them, and stores nothing.
func TestColumnsOfOtherTypesAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.send(0, rides(0, 10)...)
	f.exec(`ALTER TABLE rides ALTER passenger_count TYPE real, ALTER total_amount TYPE double precision`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := f.sink(f.config()).Backfill(ctx, nil)
	wantTypesError(t, err, "passenger_count is real, not integer", "total_amount is double precision, not numeric")
	if n := f.count("SELECT count(*) FROM sink_ledger"); n != 0 {
		t.Errorf("%d rows in the ledger, want none", n)
	}
	f.exec(`ALTER TABLE rides ALTER passenger_count TYPE integer, ALTER total_amount TYPE numeric(8, 2)`)
	f.backfill(f.config()) // a precision is no other type
	if n := f.count("SELECT count(*) FROM rides"); n != 10 {
		t.Errorf("%d rides, want 10", n)
	}
}

// A sink that runs notices it too, and ends.
func TestColumnsThatChangeEndARun(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	s := f.sink(f.config())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	f.send(0, rides(0, 10)...)
	f.eventually(10, "SELECT count(*) FROM rides")
	f.exec(`ALTER TABLE rides ALTER passenger_count TYPE bigint`)
	select {
	case err := <-ended:
		wantTypesError(t, err, "passenger_count is bigint, not integer")
	case <-time.After(patience):
		t.Fatalf("the run goes on\n%s", f.log)
	}
}

func wantTypesError(t *testing.T, err error, texts ...string) {
	t.Helper()
	var environment *EnvironmentError
	if !errors.As(err, &environment) {
		t.Fatalf("%v, want an *EnvironmentError", err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
}

// Who stops a run learns that a partition was halted; after it is mended the end is clean again.
func TestARunWithAHaltedPartitionSaysSo(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.exec(`ALTER TABLE rides DROP COLUMN tip_amount`)
	f.send(0, rides(0, 10)...)
	s, stop := f.run(f.config())
	f.waitForHalt(s, "tip_amount")
	if err := stop(); !errors.Is(err, ErrHalted) {
		t.Errorf("%v, want ErrHalted", err)
	}
	f.exec(`ALTER TABLE rides ADD COLUMN tip_amount numeric`)
	_, stop = f.run(f.config())
	f.eventually(10, "SELECT count(*) FROM rides")
	if err := stop(); err != nil {
		t.Errorf("%v, want a clean end", err)
	}
}
