package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tables.go: the results as tables, ratios first. text.go and markdown.go print them.

// table is a title, what there is to know about it, and cells.
type table struct {
	title, note string
	head        []string
	rows        [][]string
}

func named(c *result) []string {
	return []string{letter(c), strconv.Itoa(c.Partitions), c.Codec, grouped(c.Rides)}
}

func names() []string { return []string{"dialect", "partitions", "codec", "rides"} }

// letter is the dialect's name with the letter that the course's producers have in the documents.
func letter(c *result) string {
	return fmt.Sprintf("%c %s", 'A'+byte(c.Dialect)-1, c.Dialect)
}

// tables returns those that have something in them.
func (r *report) tables() []table {
	const pairs = "sink/floor is the speed of the sink over that of COPY from memory on two connections, measured right before: 1 is as fast as " +
		"COPY. Each number is a median, with the least and the most behind it. Timed from the first fetch to the last COMMIT; \"process\" is all of " +
		"the process, in seconds."
	all := []table{
		r.pairs(partBackfill, "sink backfill beside COPY", pairs),
		r.pairs(partGrowth, "How it grows", ""),
		r.pairs(partMembers, "Several members of a group, begun together", "Several sinks share the topic; from the first fetch of the first to the last COMMIT of the last. "+
			"A member that joins has the others stop and share out again."),
		r.pairs(partWide, "Many partitions", ""),
		r.floors(), r.stageTable(), r.delayTable(), r.columnTable(), r.tuningTable(), r.used(),
	}
	var filled []table
	for _, t := range all {
		if len(t.rows) > 0 {
			filled = append(filled, t)
		}
	}
	return filled
}

func (r *report) pairs(part, title, note string) table {
	t := table{title: title, note: note, head: append(names(), "members", "sink/floor", "sink rides/s", "floor rides/s", "seconds", "process")}
	for _, c := range r.of(part) {
		for _, s := range c.Sinks {
			t.rows = append(t.rows, append(named(c), strconv.Itoa(s.Number), c.ratio(s).with("%.2f"), rate(c.perSecond(s)), rate(c.perSecond(c.Floors[0])),
				s.over(func(r measurement) float64 { return r.Seconds }).with("%.2f"), s.over(func(r measurement) float64 { return r.Wall }).only("%.2f")))
		}
	}
	return t
}

func (r *report) floors() table {
	t := table{
		title: "The floor: COPY from memory", head: append(names(), "connections", "rides/s", "PostgreSQL's CPU, us a ride"),
		note: fmt.Sprintf("Transactions of %d MiB, each one COPY; of more than %s rides the first ones are sent again.", chunkBytes>>20, grouped(heldRides)),
	}
	for _, c := range r.of(partFloor) {
		for _, s := range c.Floors {
			t.rows = append(t.rows, append(named(c), strconv.Itoa(s.Number), rate(c.perSecond(s)), c.perRide(s, postgresCPU).only("%.2f")))
		}
	}
	return t
}

func (r *report) stageTable() table {
	t := table{
		title: "Stages alone", head: append(names(), "fetch, rides/s", "decode, rides/s", "decode, us a ride", "COPY, rides/s"),
		note: "Fetch: all partitions side by side, with checksums and decompression. Decode: one core, from memory to COPY rows. COPY: from memory, one connection.",
	}
	for _, c := range r.of(partStages) {
		decode := spreadOf(c.Stages.Decode)
		t.rows = append(t.rows, append(named(c), rate(spreadOf(c.Stages.Fetch)), rate(decode), fmt.Sprintf("%.2f", 1e6/decode.Median), rate(c.perSecond(c.Floors[0]))))
	}
	return t
}

func sinkCPU(u usage) float64     { return u.SinkCPU }
func brokerCPU(u usage) float64   { return u.BrokerCPU }
func postgresCPU(u usage) float64 { return u.PostgresCPU }
func sinkPeak(u usage) int64      { return u.SinkPeak }
func brokerPeak(u usage) int64    { return u.BrokerPeak }
func postgresPeak(u usage) int64  { return u.PostgresPeak }

func (r *report) used() table {
	t := table{
		title: "What it used",
		note: "CPU: user and system time of all threads, in microseconds a ride; the last of them is PostgreSQL's in the floor. Peak resident memory in MiB: " +
			"of the largest sink, of the broker, and of all processes of PostgreSQL with its shared memory counted once. Sockets: to brokers and PostgreSQL together.",
		head: append(names(), "members", "sink us", "broker us", "PostgreSQL us", "(floor us)", "sink CPU s", "broker CPU s", "PostgreSQL CPU s", "sink MiB", "broker MiB", "PostgreSQL MiB", "sockets"),
	}
	for _, c := range r.comparisons() {
		for _, s := range c.Sinks {
			seconds := func(cpu func(usage) float64) string {
				return s.over(func(r measurement) float64 { return cpu(r.Usage) }).only("%.2f")
			}
			t.rows = append(t.rows, append(named(c), strconv.Itoa(s.Number), c.perRide(s, sinkCPU).only("%.2f"), c.perRide(s, brokerCPU).only("%.2f"),
				c.perRide(s, postgresCPU).only("%.2f"), c.perRide(c.Floors[0], postgresCPU).only("%.2f"),
				seconds(sinkCPU), seconds(brokerCPU), seconds(postgresCPU),
				peak(s, sinkPeak).only("%.0f"), peak(s, brokerPeak).only("%.0f"), peak(s, postgresPeak).only("%.0f"),
				s.over(func(r measurement) float64 { return float64(r.Usage.Sockets) }).only("%.0f")))
		}
	}
	return t
}

// about says on what it was measured, in a few lines.
func (r *report) about() []string {
	var settings []string
	for _, s := range r.Settings {
		settings = append(settings, s.Name+"="+s.Value)
	}
	return []string{
		fmt.Sprintf("%s, %d cores, %.0f GiB; load before: %s", r.Processor, r.Cores, float64(r.Memory)/(1<<30), r.Load),
		fmt.Sprintf("Kafka %s, PostgreSQL %s (%s), %s", r.Kafka, r.Postgres, strings.Join(settings, ", "), r.Go),
		fmt.Sprintf("commit %s, %s, took %.0f min: %s", r.Commit, r.Began.Format("2006-01-02 15:04 MST"), time.Duration(r.TookSeconds*float64(time.Second)).Minutes(), r.Command),
	}
}

// headline is the first case that compares, in one sentence.
func (r *report) headline() string {
	if all := r.comparisons(); len(all) > 0 {
		c := all[0]
		return fmt.Sprintf("sink/floor %s for %s rides of dialect %s in %d partitions, %s: %s rides/s beside %s of COPY from memory on two connections.",
			c.ratio(c.Sinks[0]).with("%.2f"), grouped(c.Rides), letter(c), c.Partitions, compressed(c.Codec), grouped(int64(c.perSecond(c.Sinks[0]).Median)),
			grouped(int64(c.perSecond(c.Floors[0]).Median)))
	}
	return ""
}

func compressed(codec string) string {
	if codec == "none" {
		return "uncompressed"
	}
	return codec
}

// with prints median, least and most.
func (s spread) with(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.Median, s.Least, s.Most)
}

// only prints the median.
func (s spread) only(format string) string { return fmt.Sprintf(format, s.Median) }

func rate(s spread) string {
	return fmt.Sprintf("%s (%s to %s)", grouped(int64(s.Median)), grouped(int64(s.Least)), grouped(int64(s.Most)))
}

// grouped writes a number with commas.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
