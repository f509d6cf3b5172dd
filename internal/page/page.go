package page

import (
	"context"
	"sync"
	"time"
)

// page.go: New and Run, which looks every few seconds; handler.go answers requests with what it saw.

const (
	storedEvery   = 5 * time.Second // at most, and only while somebody looks
	storedTimeout = 3 * time.Second
)

// Config is what New needs. Look and Stored may be called at once; Look by any request, Stored by Run alone.
type Config struct {
	Look     func() Now                            // must not wait for anybody
	Stored   func(context.Context) (Stored, error) // asks PostgreSQL
	Program  string                                // name and version
	Settings []Setting
	Values   bool             // show what is in records
	Clock    func() time.Time // nil: time.Now
}

// Page is the status page of one process. Its handler shows what Run has sampled so far.
type Page struct {
	cfg    Config
	began  time.Time
	wanted chan struct{} // somebody looks; 1: one look is as good as many

	mu sync.Mutex
	// guarded by mu:
	samples   samples
	stored    Stored
	storedAt  time.Time // zero before the first reading that succeeded
	storedErr error     // of the last reading
}

// New returns a page that has not looked yet.
func New(cfg Config) *Page {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Page{cfg: cfg, began: cfg.Clock(), wanted: make(chan struct{}, 1)}
}

// Run samples until ctx ends.
func (p *Page) Run(ctx context.Context) {
	var reading sync.WaitGroup
	reading.Go(func() { p.read(ctx) })
	defer reading.Wait()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		p.sample()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sample notes what the process knows now.
func (p *Page) sample() {
	now, at := p.cfg.Look(), p.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples.add(at, now)
}

// read asks PostgreSQL once at the beginning, and then while somebody looks.
func (p *Page) read(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		p.readOnce(ctx)
		pause.Reset(storedEvery)
		select {
		case <-p.wanted:
		case <-ctx.Done():
			return
		}
	}
}

// readOnce asks PostgreSQL. What was read before stays where that fails.
func (p *Page) readOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storedTimeout)
	defer cancel()
	stored, err := p.cfg.Stored(ctx)
	at := p.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.storedErr = err
	if err == nil {
		p.stored, p.storedAt = stored, at
	}
}

// want tells read that somebody looks.
func (p *Page) want() {
	select {
	case p.wanted <- struct{}{}:
	default: // it was told already
	}
}
