package latency

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// find.go: which processes the servers are.

// servers are process numbers.
type servers struct {
	postmaster int // 0: not on this machine
	brokers    []int
}

// findServers looks for the servers on this machine. One that is not found is not counted.
func findServers(ctx context.Context, conn *pgx.Conn, brokers []string) (s servers, err error) {
	var backend int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return s, fmt.Errorf("ask PostgreSQL for its process: %w", err)
	}
	if local(conn.Config().Host) {
		if fields := stat(backend); fields != nil && strings.HasPrefix(command(backend), "postgres") {
			s.postmaster, _ = strconv.Atoi(fields[1])
		}
	}
	var inodes []string
	for _, broker := range brokers {
		host, port, err := net.SplitHostPort(broker)
		if err != nil {
			return s, fmt.Errorf("broker %q: %w", broker, err)
		}
		if local(host) {
			inodes = append(inodes, listeners(port)...)
		}
	}
	s.brokers = holders(inodes)
	return s, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || ip != nil && ip.IsLoopback()
}

func command(pid int) string {
	name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// listeners are the inodes of the sockets that listen on a port.
func listeners(port string) (inodes []string) {
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil
	}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line) // number, local address, remote address, state, ...
			const listens = "0A"
			if len(fields) > 9 && fields[3] == listens && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) {
				inodes = append(inodes, "socket:["+fields[9]+"]")
			}
		}
	}
	return inodes
}

// holders are the processes that have one of the sockets open.
func holders(sockets []string) (pids []int) {
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil || len(sockets) == 0 {
		return nil
	}
	for _, file := range files {
		target, err := os.Readlink(file)
		if err != nil || !slices.Contains(sockets, target) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err == nil && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// cpu is the seconds used so far.
func (s servers) cpu() (broker, postgresql float64) {
	for _, pid := range s.brokers {
		broker += cpu(pid)
	}
	if s.postmaster == 0 {
		return broker, 0
	}
	postgresql = cpu(s.postmaster) + childrenCPU(s.postmaster)
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return broker, postgresql
	}
	for _, path := range processes {
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			continue
		}
		if fields := stat(pid); fields != nil && fields[1] == strconv.Itoa(s.postmaster) {
			postgresql += ticks(fields, 11, 12)
		}
	}
	return broker, postgresql
}

// moves is how often rows of the ledger were moved, as PostgreSQL's statistics have it.
func moves(ctx context.Context, database string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return 0, err
	}
	err = conn.QueryRow(ctx, "SELECT coalesce(pg_stat_get_tuples_updated(to_regclass('sink_ledger')), 0)").Scan(&n)
	return n, errors.Join(err, conn.Close(ctx))
}
