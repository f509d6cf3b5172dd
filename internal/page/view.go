package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// view.go: what page.html shows, as text that is ready to be read. html/template escapes it after that.

// movingWithin tells a partition that moves as records come from one that is behind: by when it would be at the end at its rate.
const movingWithin = 10 * time.Second

// view is the page at one moment.
type view struct {
	Program    string
	Class      string // ok, wait or bad
	State      string // one sentence; it changes only when the state does, because screen readers read it aloud then
	At, AtISO  string
	Figures    []figure
	Charts     []chart
	AnyAway    bool
	Partitions []partitionView
	Elsewhere  string // about partitions of the topics that this process does not own
	Totals     []figure
	TotalsAge  string
	Letters    lettersView
	Servers    []serverView
	Settings   []Setting
}

// figure is a number with its name.
type figure struct{ Name, Value, Note, Class string }

type partitionView struct {
	Name, Class, State, Position, LogEnd, Lag, Rate string
	Wrote, WroteAt                                  string
	Halted                                          string
	Commands                                        []string
}

type lettersView struct {
	Age, Scope string
	Any        bool
	Reasons    []reasonView
	Values     bool
}

type reasonView struct {
	ID, Name, Seen, Newest string
	Samples                []sampleView
}

type sampleView struct{ Place, Command, Error, Value string }

type serverView struct{ Name, Class, State, Detail string }

// look makes the view of this moment.
func (p *Page) look() view {
	now, at := p.cfg.Look(), p.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rates(now.Partitions)
	v := view{Program: printable(p.cfg.Program), At: clock(at, at), AtISO: at.UTC().Format(time.RFC3339)}
	v.Class, v.State = state(now, at)
	v.Servers = servers(now, at)
	past := p.samples.since(at.Add(-history))
	v.Charts, v.AnyAway = charts(past, at)
	for _, one := range sorted(now.Partitions) {
		v.Partitions = append(v.Partitions, partitionRow(one, at, len(now.Outages) > 0))
	}
	v.Figures = p.figures(now)
	p.addStored(&v, now, at)
	for _, s := range p.cfg.Settings {
		v.Settings = append(v.Settings, Setting{Name: printable(s.Name), Value: printable(s.Value)})
	}
	v.Settings = append(v.Settings, Setting{Name: "running for", Value: span(at.Sub(p.began))})
	return v
}

// rates fills in what Look cannot know.
func (p *Page) rates(partitions []Partition) {
	for i := range partitions {
		if rate, known := p.samples.rateOf(place{partitions[i].Topic, partitions[i].Partition}); known {
			partitions[i].Rate = &rate
		}
	}
}

// state says in a sentence how it is.
func state(now Now, at time.Time) (class, text string) {
	var said []string
	class = "ok"
	for _, o := range now.Outages {
		class = "wait"
		meanwhile := "Records wait in Kafka"
		if o.Server == "kafka" {
			meanwhile = "Nothing new is read"
		}
		said = append(said, fmt.Sprintf("%s has been away since %s. %s; it goes on by itself.", serverName(o.Server), clock(o.Since, at), meanwhile))
	}
	if n := halted(now.Partitions); n > 0 {
		class = "bad"
		said = append(said, fmt.Sprintf("%s halted and %s you; the table says why. The others go on.", plural(n, "partition is", "partitions are"), map[bool]string{true: "needs", false: "need"}[n == 1]))
	}
	switch {
	case len(said) > 0:
	case now.Ready != nil:
		return "wait", "Not ready: " + printable(now.Ready.Error()) + "."
	default:
		said = append(said, "Running. PostgreSQL and Kafka answer.")
	}
	return class, strings.Join(said, " ")
}

func halted(partitions []Partition) (n int) {
	for _, p := range partitions {
		if p.Halted != "" {
			n++
		}
	}
	return n
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(int64(n)) + " " + many
}

func servers(now Now, at time.Time) []serverView {
	list := []serverView{}
	names := []string{"postgres", "kafka"}
	for _, o := range now.Outages {
		if !slices.Contains(names, o.Server) { // a schema registry is only where there is one
			names = append(names, o.Server)
		}
	}
	for _, name := range names {
		s := serverView{Name: serverName(name), Class: "ok", State: "answers"}
		if now.Ready != nil && len(now.Partitions) == 0 {
			s.Class, s.State = "none", "not known yet"
		}
		for _, o := range now.Outages {
			if o.Server == name {
				s = serverView{
					Name: s.Name, Class: "wait", State: "away for " + span(at.Sub(o.Since)),
					Detail: fmt.Sprintf("Since %s, %s: %s", clock(o.Since, at), plural(o.Attempts, "attempt", "attempts"), printable(o.Error)),
				}
			}
		}
		list = append(list, s)
	}
	return list
}

func charts(past []sample, at time.Time) (list []chart, anyAway bool) {
	rates, lags := make([]point, 0, len(past)), make([]point, 0, len(past))
	for _, s := range past {
		rates = append(rates, point{at: s.at, value: s.rate, known: s.known})
		lags = append(lags, point{at: s.at, value: float64(s.lag), known: true})
	}
	list = []chart{
		draw("throughput", "Throughput", "records per second", rates, at),
		draw("lag", "Lag", "records behind", lags, at),
	}
	away := bands(past, at)
	for i := range list {
		list[i].Away = away
		if len(away) > 0 {
			list[i].Summary += " A server was away for part of it."
		}
	}
	return list, len(away) > 0
}

func partitionRow(one Partition, at time.Time, away bool) partitionView {
	v := partitionView{
		Name: printable(one.Topic) + "/" + strconv.Itoa(int(one.Partition)), Class: "ok", State: "current", Position: count(one.Position),
		LogEnd: "–", Lag: "–", Rate: "–", Wrote: "not yet",
	}
	lag, known := one.lag()
	if known {
		v.LogEnd, v.Lag = count(one.LogEnd), count(lag)
	} else {
		v.Class, v.State = "none", "starting"
	}
	if one.Rate != nil {
		v.Rate = perSecond(*one.Rate)
	}
	if !one.LastWrite.IsZero() {
		v.Wrote, v.WroteAt = span(at.Sub(one.LastWrite))+" ago", one.LastWrite.UTC().Format(time.RFC3339)
	}
	switch {
	case one.Halted != "":
		v.Class, v.State = "bad", "halted"
		v.Halted = printable(strings.TrimPrefix(one.Halted, fmt.Sprintf("%s/%d: ", one.Topic, one.Partition)))
		v.Commands = commands(one.Halted)
	case known && lag > 0 && away:
		v.Class, v.State = "wait", "waiting"
	case known && lag > 0 && one.Rate != nil && float64(lag) < *one.Rate*movingWithin.Seconds():
		v.State = "moving"
	case known && lag > 0:
		v.Class, v.State = "busy", "behind"
	}
	return v
}

// figures are the numbers that one looks at first.
func (p *Page) figures(now Now) []figure {
	lag, known := int64(0), 0
	for _, one := range now.Partitions {
		if n, sure := one.lag(); sure {
			lag, known = lag+n, known+1
		}
	}
	rate, measured := p.samples.rate()
	throughput := figure{Name: "Records per second", Value: "–", Note: "measured in a moment"}
	if measured {
		throughput.Value, throughput.Note = perSecond(rate), "over the last 15 s"
	}
	behind := figure{Name: "Lag", Value: "–", Note: "not known yet"}
	if known > 0 {
		behind.Value, behind.Note = count(lag), "records not stored yet"
		switch {
		case known < len(now.Partitions):
			behind.Note = fmt.Sprintf("of %d of %d partitions", known, len(now.Partitions))
		case lag == 0:
			behind.Note = "all that is there is stored"
		case measured && rate >= 1 && len(now.Outages) == 0:
			behind.Note = remaining(lag, rate)
		}
	}
	moved := figure{Name: "Moved by this process", Value: count(now.Moved.Records()), Note: "records since it began"}
	if n := now.Moved.DeadLetters; n > 0 {
		moved.Note = count(n) + " of them dead letters"
	}
	owned := figure{Name: "Partitions", Value: count(int64(len(now.Partitions))), Note: "none halted"}
	if n := halted(now.Partitions); n > 0 {
		owned.Note, owned.Class = count(int64(n))+" halted", "bad"
	}
	return []figure{throughput, behind, moved, owned}
}

// remaining says how long a lag takes at a rate.
func remaining(lag int64, rate float64) string {
	if seconds := float64(lag) / rate; seconds >= 1 {
		return "about " + span(time.Duration(min(seconds, 1e9)*float64(time.Second))) + " at this rate"
	}
	return "less than a second at this rate"
}

// addStored shows what PostgreSQL said last, and how old that is.
func (p *Page) addStored(v *view, now Now, at time.Time) {
	v.Letters.Values = p.cfg.Values
	if p.storedAt.IsZero() {
		v.TotalsAge = "Not read yet."
		if p.storedErr != nil {
			v.TotalsAge = "Not read yet: PostgreSQL did not answer in time."
		}
		v.Letters.Age = v.TotalsAge
		return
	}
	v.TotalsAge = "Read from PostgreSQL " + span(at.Sub(p.storedAt)) + " ago."
	if p.storedErr != nil {
		v.TotalsAge += " It has not answered since."
	}
	s := p.stored
	v.Totals = []figure{
		{Name: "Stored as rides", Value: count(s.Totals.Inserted)},
		{Name: "Dead letters", Value: count(s.Totals.DeadLetters)},
		{Name: "Tombstones", Value: count(s.Totals.Tombstones)},
		{Name: "No records", Value: count(s.Totals.NotRecords), Note: "transaction markers, aborted or compacted records"},
		{Name: "Lost and accepted", Value: count(s.Totals.Lost)},
	}
	if others := s.Partitions - len(now.Partitions); others > 0 {
		v.Elsewhere = fmt.Sprintf("%s of these topics %s not with this process. sink status shows all.", plural(others, "partition", "partitions"), map[bool]string{true: "is", false: "are"}[others == 1])
	}
	v.Letters.Age, v.Letters.Any = v.TotalsAge, s.Totals.DeadLetters > 0 || len(s.Reasons) > 0
	v.Letters.Scope = "All " + count(s.Examined) + " are counted here."
	if s.Totals.DeadLetters > s.Examined {
		v.Letters.Scope = fmt.Sprintf("Counted are the newest %s of %s, by partition.", count(s.Examined), count(s.Totals.DeadLetters))
	}
	for i, r := range s.Reasons {
		v.Letters.Reasons = append(v.Letters.Reasons, p.reason(i, r, at))
	}
}

func (p *Page) reason(i int, r Reason, at time.Time) reasonView {
	v := reasonView{ID: "reason-" + strconv.Itoa(i), Name: printable(r.Name), Seen: count(r.Seen), Newest: span(at.Sub(r.Newest)) + " ago"}
	for _, s := range r.Samples {
		where := fmt.Sprintf("%s/%d/%d", s.Topic, s.Partition, s.Offset)
		shown := sampleView{Place: printable(where), Command: "sink deadletters show " + shellWord(where)}
		if p.cfg.Values {
			shown.Error, shown.Value = printable(s.Error), printable(string(s.Value))
			if s.Size > len(s.Value) {
				shown.Value += fmt.Sprintf(" … (%s bytes)", count(int64(s.Size)))
			}
		}
		v.Samples = append(v.Samples, shown)
	}
	return v
}
