// Package monitoring holds the tests of what is beside it: Prometheus' configuration and alert rules, and Grafana's dashboard. It is a module of
// its own, so that the sink does not require Prometheus.
package monitoring
