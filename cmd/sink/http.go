package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ridesink/sink"
)

// http.go: the HTTP server of run and backfill. http_options.go says where it listens, http_access.go who may ask, http_page.go what the status page
// shows.

// serveHTTP serves the status page, /healthz, /readyz and /metrics until the returned function is called; without an address it does nothing.
func serveHTTP(ctx context.Context, access httpAccess, cfg sink.Config, s *sink.Sink, registry *prometheus.Registry, log *slog.Logger) (stop func(), err error) {
	if access.addr == "" {
		return func() {}, nil
	}
	process := prometheus.NewRegistry() // apart from the sink's, which the page reads every few seconds
	process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	shown, endPage, err := startPage(ctx, cfg, s, registry, access.values)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", access.addr)
	if err != nil {
		endPage()
		return nil, environmentError(fmt.Errorf("--http-addr %s cannot be listened on: %w: name another address", access.addr, err))
	}
	server := limited(routes(access, s.Ready, shown, promhttp.HandlerFor(prometheus.Gatherers{registry, process}, promhttp.HandlerOpts{})), log)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.ErrorContext(ctx, "http server ended", "err", err)
		}
	})
	log.InfoContext(ctx, "http", "addr", listener.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // what is still open after a second is cut by Close
		_ = server.Close()
		serving.Wait()
		endPage()
	}, nil
}

// limited is a server that lets no client hold a connection for long, or send much.
func limited(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong is not the operator's to know
	}
}

// routes answers whether the process is alive (independent of PostgreSQL and Kafka) and whether it does its work, to everybody, because
// orchestrators have no token; and its metrics and the status page, to those who may ask.
func routes(access httpAccess, ready func() error, shown, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		err := ready()
		switch {
		case err == nil:
			fmt.Fprintln(w, "ready")
		case access.knows(r):
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		default: // the reasons name topics and hosts
			http.Error(w, "not ready; who knows the token is told why", http.StatusServiceUnavailable)
		}
	})
	mux.Handle("GET /metrics", access.guarded(metrics))
	mux.Handle("GET /", access.guarded(shown))
	return secured(mux)
}
