package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"time"
)

// handler.go answers requests. Nothing here waits for a server.

//go:embed page.html page.css page.js icon.svg
var files embed.FS

var document = template.Must(template.ParseFS(files, "page.html")) //nolint:gochecknoglobals // read only

// ContentSecurityPolicy lets the page use its own style, script and icon, ask itself again, and nothing else.
const ContentSecurityPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at /, the same as JSON at /status.json, and what the page is made of.
func (p *Page) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.serveHTML)
	mux.HandleFunc("GET /status.json", p.serveJSON)
	for name, kind := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "no-cache") // the next binary may have another
			http.ServeFileFS(w, r, files, name)
		})
	}
	return mux
}

func (p *Page) serveHTML(w http.ResponseWriter, _ *http.Request) {
	p.want()
	var body bytes.Buffer
	if err := document.Execute(&body, p.look()); err != nil {
		http.Error(w, "the page cannot be drawn; this is a defect: please report it: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(body.Bytes()) // whoever asked may be gone
}

// statusJSON is what /status.json says.
type statusJSON struct {
	At               time.Time   `json:"at"`
	State            string      `json:"state"` // ok, wait or bad
	Says             string      `json:"says"`
	RecordsPerSecond *float64    `json:"records_per_second,omitempty"`
	Moved            Counts      `json:"moved"` // by this process
	Partitions       []Partition `json:"partitions"`
	Outages          []Outage    `json:"outages"`
	Stored           *Stored     `json:"stored,omitempty"` // of all members
	StoredAt         *time.Time  `json:"stored_at,omitempty"`
}

func (p *Page) serveJSON(w http.ResponseWriter, _ *http.Request) {
	p.want()
	body, err := json.MarshalIndent(p.status(), "", "  ")
	if err != nil {
		http.Error(w, "the status cannot be written; this is a defect: please report it: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // whoever asked may be gone
}

func (p *Page) status() statusJSON {
	now, at := p.cfg.Look(), p.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rates(now.Partitions)
	s := statusJSON{At: at.UTC(), Moved: now.Moved, Partitions: append([]Partition{}, now.Partitions...), Outages: append([]Outage{}, now.Outages...)}
	s.State, s.Says = state(now, at)
	if rate, known := p.samples.rate(); known {
		s.RecordsPerSecond = &rate
	}
	if !p.storedAt.IsZero() {
		stored, read := p.stored, p.storedAt.UTC()
		s.Stored, s.StoredAt = &stored, &read
	}
	return s
}
