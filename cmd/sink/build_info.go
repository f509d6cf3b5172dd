package main

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// build_info.go: what was built, as a metric. version.go knows it, move.go registers it.

// buildInfo is always 1; its labels are what `sink version` prints.
func buildInfo() prometheus.Collector {
	v, c := built()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ridesink_build_info", Help: "Always 1; the labels say what was built.",
		ConstLabels: prometheus.Labels{"version": v, "commit": c, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

// registerBuild shows buildInfo in registry.
func registerBuild(registry prometheus.Registerer) error {
	if err := registry.Register(buildInfo()); err != nil {
		return fmt.Errorf("register what was built: %w", err)
	}
	return nil
}
