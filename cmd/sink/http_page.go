package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"ridesink/internal/page"
	"ridesink/internal/servers"
	"ridesink/sink"
)

// http_page.go tells the status page what this process knows. Before it http.go, after it internal/page.

// startPage begins sampling for the status page, until the returned function is called. It dials nothing now.
func startPage(ctx context.Context, cfg sink.Config, s *sink.Sink, metrics prometheus.Gatherer, values bool) (http.Handler, func(), error) {
	// A connection of its own: the sink's may all be busy or waiting.
	db, err := servers.OpenRotatedDatabase(ctx, cfg.DatabaseURL, cfg.DatabaseURLAgain, 1)
	if err != nil {
		return nil, nil, err
	}
	shown := page.New(page.Config{
		Look:     func() page.Now { return pageNow(s, metrics) },
		Stored:   func(ctx context.Context) (page.Stored, error) { return page.ReadStored(ctx, db, cfg.Topics, values) },
		Program:  programLine(),
		Settings: pageSettings(cfg, db),
		Values:   values,
	})
	sampling, end := context.WithCancel(context.WithoutCancel(ctx)) // a drain is worth seeing too
	var running sync.WaitGroup
	running.Go(func() { shown.Run(sampling) })
	return shown.Handler(), func() {
		end()
		running.Wait()
		db.Close()
	}, nil
}

func programLine() string {
	v, c := built()
	return fmt.Sprintf("%s, commit %.12s, %s", v, c, runtime.Version())
}

// pageNow is what the sink knows, and what its counters say.
func pageNow(s *sink.Sink, metrics prometheus.Gatherer) page.Now {
	now := page.Now{Ready: s.Ready()}
	moved, total := movedRecords(metrics)
	now.Moved = total
	for _, p := range s.Status() {
		now.Partitions = append(now.Partitions, page.Partition{
			Topic: p.Topic, Partition: p.Partition, Position: int64(p.Position), LogEnd: p.LastStable, Lag: p.Lag(), LastWrite: p.LastWrite,
			Halted: p.HaltedReason, Moved: moved[topicAndPartition{p.Topic, strconv.Itoa(int(p.Partition))}],
		})
	}
	for _, o := range s.Outages() {
		now.Outages = append(now.Outages, page.Outage{Server: o.Server, Since: o.Since, Attempts: o.Attempts, Error: o.Err.Error()})
	}
	return now
}

// topicAndPartition are the labels of a counter.
type topicAndPartition struct{ topic, partition string }

// movedRecords reads ridesink_records_total: the records of each partition, and all outcomes together.
func movedRecords(metrics prometheus.Gatherer) (map[topicAndPartition]int64, page.Counts) {
	var total page.Counts
	outcomes := map[string]*int64{
		"inserted": &total.Inserted, "dead_letter": &total.DeadLetters, "tombstone": &total.Tombstones, "not_record": &total.NotRecords, "lost": &total.Lost,
	}
	moved := map[topicAndPartition]int64{}
	families, _ := metrics.Gather() // what could be gathered comes beside an error
	for _, family := range families {
		if family.GetName() != "ridesink_records_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			var key topicAndPartition
			outcome := ""
			for _, label := range m.GetLabel() {
				switch label.GetName() {
				case "topic":
					key.topic = label.GetValue()
				case "partition":
					key.partition = label.GetValue()
				case "outcome":
					outcome = label.GetValue()
				}
			}
			n := int64(m.GetCounter().GetValue())
			if sum := outcomes[outcome]; sum != nil {
				*sum += n
			}
			switch outcome {
			case "inserted", "dead_letter", "tombstone":
				moved[key] += n
			}
		}
	}
	return moved, total
}

// pageSettings are the settings as the log shows them, and where the database is: never its password.
func pageSettings(cfg sink.Config, db *pgxpool.Pool) []page.Setting {
	at := db.Config().ConnConfig
	settings := []page.Setting{{
		Name:  "database",
		Value: fmt.Sprintf("%s of %s at %s", at.Database, at.User, net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))),
	}}
	for _, attr := range cfg.LogValue().Group() {
		name, value := attr.Key, attr.Value.String()
		if list, isList := attr.Value.Any().([]string); isList {
			value = strings.Join(list, ", ")
		}
		if rest, isTime := strings.CutSuffix(name, "_seconds"); isTime {
			name, value = rest, value+" s"
		}
		if rest, isSize := strings.CutSuffix(name, "_bytes"); isSize {
			name, value = rest, fmt.Sprintf("%.4g MiB", float64(attr.Value.Int64())/(1<<20))
		}
		settings = append(settings, page.Setting{Name: strings.ReplaceAll(name, "_", " "), Value: value})
	}
	return settings
}
