package sink

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An outage of an hour is one warning at its beginning, at most one every half minute, and one line at its end.
func TestAnOutageIsLoggedSparsely(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		o := outage{what: "postgres", log: slog.New(slog.NewTextHandler(&logged, nil)), all: new(outages)}
		began := time.Now()
		for time.Since(began) < time.Hour {
			wait := o.failed(context.Background(), errors.New("connection refused"))
			if wait <= 0 || wait > longestWait {
				t.Fatalf("wait %s after attempt %d, want above 0 and at most %s", wait, o.attempts, longestWait)
			}
			sleep(context.Background(), wait)
		}
		o.ended(context.Background())
		warnings := strings.Count(logged.String(), "msg=outage")
		if most := int(time.Hour/outageReport) + 1; warnings == 0 || warnings > most {
			t.Errorf("%d warnings in an hour, want 1 to %d", warnings, most)
		}
		if n := strings.Count(logged.String(), "msg=recovered"); n != 1 {
			t.Errorf("%d lines say that it recovered, want 1:\n%s", n, logged.String())
		}
	})
}

func TestALoneFailureIsNoOutage(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	o := outage{what: "kafka", log: slog.New(slog.NewTextHandler(&logged, nil)), all: new(outages)}
	o.failed(context.Background(), errors.New("not the leader any more"))
	o.ended(context.Background())
	if logged.Len() != 0 {
		t.Errorf("one failure that the next attempt does not see was logged: %s", logged.String())
	}
}

func TestOutagesAreToldByServer(t *testing.T) {
	t.Parallel()
	var all outages
	begin := time.Now()
	first := &outage{what: "postgres", all: &all, since: begin, attempts: 2}
	second := &outage{what: "postgres", all: &all, since: begin.Add(time.Second), attempts: 5}
	brokers := &outage{what: "kafka", all: &all, since: begin, attempts: 3}
	all.set(first, errors.New("refused"))
	all.set(second, errors.New("still refused"))
	all.set(brokers, errors.New("no route"))
	got := all.now()
	if len(got) != 2 || got[0].Server != "kafka" || got[1].Server != "postgres" {
		t.Fatalf("%+v, want kafka and postgres, once each", got)
	}
	if pg := got[1]; !pg.Since.Equal(begin) || pg.Attempts != 5 || pg.Err.Error() != "still refused" {
		t.Errorf("%+v, want the earliest beginning and the word of whoever tried most", pg)
	}
	if err := all.err(); err == nil || err.Error() != "kafka is away: no route\npostgres is away: still refused" {
		t.Errorf("err is %q", err)
	}
	for _, one := range []*outage{first, second, brokers} {
		one.forget()
	}
	if got := all.now(); len(got) != 0 {
		t.Errorf("%+v go on, want none", got)
	}
}

// However many partitions wait for a server, its outage is two lines.
func TestManyPartitionsAreOneOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		var all outages
		log := slog.New(slog.NewTextHandler(&logged, nil))
		waiting := make([]*outage, 256)
		for i := range waiting {
			waiting[i] = &outage{what: "postgres", log: log, all: &all}
		}
		for range 5 {
			for _, o := range waiting {
				o.failed(t.Context(), errors.New("connection refused"))
			}
			sleep(t.Context(), time.Second)
		}
		if n := strings.Count(logged.String(), "msg="); n != 1 {
			t.Errorf("%d lines when it begins, want 1:\n%s", n, logged.String())
		}
		waiting[0].forget()
		for i, o := range waiting[1:] {
			if n := strings.Count(logged.String(), "msg=recovered"); n != 0 {
				t.Fatalf("it recovered when %d of %d still wait", len(waiting)-1-i, len(waiting))
			}
			o.ended(t.Context())
		}
		if n := strings.Count(logged.String(), "msg="); n != 2 || !strings.Contains(logged.String(), "msg=recovered what=postgres outage_seconds=5 ") {
			t.Errorf("%d lines, want one when it begins and one when it ends:\n%s", n, logged.String())
		}
		waiting[1].failed(t.Context(), errors.New("gone again"))
		waiting[1].failed(t.Context(), errors.New("gone again"))
		if n := strings.Count(logged.String(), "msg=outage"); n != 2 {
			t.Errorf("%d outages were told, want the second at once too:\n%s", n, logged.String())
		}
	})
}
