package sink

import "testing"

// A size shrinks to its least, says so, and grows back to its most when all goes well.
func TestRowsLimit(t *testing.T) {
	t.Parallel()
	l := newRowsLimit(100 << 10)
	var sizes []int
	for l.shrink() {
		sizes = append(sizes, l.bytes())
	}
	if want := []int{50 << 10, 25 << 10, 16 << 10}; len(sizes) != 3 || sizes[0] != want[0] || sizes[1] != want[1] || sizes[2] != want[2] {
		t.Errorf("it shrinks by %v, want %v", sizes, want)
	}
	for range growAfter - 1 {
		l.wrote()
	}
	if l.bytes() != 16<<10 {
		t.Errorf("%d bytes before %d transactions went well", l.bytes(), growAfter)
	}
	for range 3 * growAfter {
		l.wrote()
	}
	if l.bytes() != 100<<10 {
		t.Errorf("%d bytes when all went well for long, want %d", l.bytes(), 100<<10)
	}
}

// A server that cancels what takes longer than a moment gets smaller transactions, and larger ones again when it is well; nothing halts.
func TestASlowServerGetsSmallerTransactions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	// Each transaction of more than 1,000 rows sleeps for longer than the limit.
	f.exec(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF (SELECT count(*) FROM added) > 1000 THEN PERFORM pg_sleep(1); END IF; RETURN NULL; END $$;
		CREATE TRIGGER slow AFTER INSERT ON rides REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION slow()`)
	f.send(0, rides(0, 20_000)...)
	cfg := f.config()
	cfg.DatabaseURL += "&statement_timeout=500"
	if sum := f.backfill(cfg); sum.ThisRun != (Counts{Inserted: 20_000}) {
		t.Errorf("%+v, want 20,000 inserted\n%s", sum.ThisRun, f.log)
	}
}
