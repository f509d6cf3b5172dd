package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ridesink/internal/localenv"
)

// processes_test.go runs the services that run the sink as processes of this machine, against a real Kafka and the PostgreSQL of the file.

func TestMain(m *testing.M) { os.Exit(localenv.Main(m)) }

// The .env of this test: names and a password that only work if they are passed on as they are.
const (
	owner    = "rider"
	password = `p@ss w/:%#'"`
	database = "taxis"
	rides    = 2_000
)

// TestServicesAsProcesses holds: `docker compose --profile demo up`, as processes, puts the demo's rides into PostgreSQL; a second `up` stores
// nothing more; and the sink of profile live becomes healthy, takes rides as they come, and stops in order.
func TestServicesAsProcesses(t *testing.T) {
	t.Parallel()
	brokers, topic := localenv.Brokers(t), localenv.Topic(t, 4)
	project := load(t, []string{
		"KAFKA_TOPICS=" + topic, "KAFKA_GROUP_ID=group-of-" + topic, "RIDES=" + strconv.Itoa(rides),
		"POSTGRES_USER=" + owner, "POSTGRES_PASSWORD=" + password, "POSTGRES_DB=" + database,
	}, "demo", "live")
	_, version, _ := strings.Cut(project.Services["postgres"].Image, ":")
	db := newDatabase(t, version)
	sinks, err := Sinks(project)
	if err != nil {
		t.Fatal(err)
	}
	here := machine{binary: build(t), brokers: strings.Join(brokers, ","), postgres: db.Config(), http: freeAddress(t)}

	for _, up := range []string{"first", "second"} {
		for _, s := range sinks {
			if s.Name == "sink-live" || s.Name == "produce" && up == "second" {
				continue
			}
			if code, output := here.run(t, s); code != 0 {
				t.Fatalf("%s up: service %s ends with %d:\n%s", up, s.Name, code, output)
			}
		}
		wantRides(t, db, up+" up", rides)
	}

	live, producer := service(t, sinks, "sink-live"), service(t, sinks, "produce")
	process := here.start(t, live)
	check := Service{Name: "health check", Args: project.Services["sink-live"].HealthCheck.Test[2:], Env: live.Env}
	await(t, "the sink that stays is healthy", func() string {
		if code, output := here.run(t, check); code != 0 {
			return output
		}
		return ""
	})
	if code, output := here.run(t, producer); code != 0 {
		t.Fatalf("more rides: %d:\n%s", code, output)
	}
	await(t, "the sink that stays has stored more rides", func() string {
		if n := countRides(t, db); n != 2*rides {
			return fmt.Sprintf("%d rides", n)
		}
		return ""
	})
	grace := time.Duration(*project.Services["sink-live"].StopGracePeriod)
	if code, output := process.stop(t, grace); code != 0 {
		t.Errorf("docker compose stop: %d:\n%s", code, output)
	}
	wantRides(t, db, "at the end", 2*rides)
}

// newDatabase starts the PostgreSQL that the file names and makes what its image makes: the owner and the database of the environment.
func newDatabase(t *testing.T, version string) *pgx.Conn {
	t.Helper()
	server, err := localenv.StartPostgres(t.Context(), localenv.PostgresOptions{Version: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"CREATE ROLE " + owner + " SUPERUSER LOGIN PASSWORD '" + strings.ReplaceAll(password, "'", "''") + "'",
		"CREATE DATABASE " + database + " OWNER " + owner,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	config := admin.Config().Copy()
	config.User, config.Password, config.Database = owner, password, database
	if err := admin.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func countRides(t *testing.T, db *pgx.Conn) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM rides").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wantRides: so many rides, each from another record, with what a ride has.
func wantRides(t *testing.T, db *pgx.Conn, when string, want int) {
	t.Helper()
	var all, different, whole int
	err := db.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT (kafka_topic, kafka_partition, kafka_offset)),
		count(*) FILTER (WHERE pickup_datetime IS NOT NULL AND pickup_location_id BETWEEN 1 AND 265 AND total_amount IS NOT NULL) FROM rides`).Scan(&all, &different, &whole)
	if err != nil || all != want || different != want || whole < want*9/10 {
		t.Fatalf("%s: %d rides of %d records, %d with time, place and amount (%v); want %d", when, all, different, whole, err, want)
	}
}

// machine is where the services find on this machine what in the file are other containers.
type machine struct {
	binary, brokers, http string
	postgres              *pgx.ConnConfig
}

// command is a service as a process.
func (m machine) command(s Service, output *strings.Builder) *exec.Cmd {
	env := maps.Clone(s.Env)
	env["KAFKA_BROKERS"] = m.brokers
	env["PGHOST"], env["PGPORT"] = m.postgres.Host, strconv.Itoa(int(m.postgres.Port))
	if env["HTTP_ADDR"] != "" {
		env["HTTP_ADDR"] = m.http
	}
	c := exec.Command(m.binary, s.Args...)
	c.Env = []string{}
	for name, value := range env {
		c.Env = append(c.Env, name+"="+value)
	}
	c.Stdout, c.Stderr = output, output
	return c
}

// run runs a service to its end.
func (m machine) run(t *testing.T, s Service) (code int, output string) {
	t.Helper()
	return m.start(t, s).wait(t, time.Minute)
}

// process is a service that runs.
type process struct {
	cmd    *exec.Cmd
	output strings.Builder
	ended  chan error
}

func (m machine) start(t *testing.T, s Service) *process {
	t.Helper()
	p := &process{ended: make(chan error, 1)}
	p.cmd = m.command(s, &p.output)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }() // ends with the process, which Cleanup kills
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func (p *process) wait(t *testing.T, patience time.Duration) (code int, output string) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case err := <-p.ended:
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return p.cmd.ProcessState.ExitCode(), p.output.String()
	case <-late.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		t.Fatalf("%s does not end within %s:\n%s", strings.Join(p.cmd.Args, " "), patience, p.output.String())
		return 0, ""
	}
}

// stop does what docker compose stop does.
func (p *process) stop(t *testing.T, grace time.Duration) (code int, output string) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return p.wait(t, grace)
}

// build makes the sink, as the tests of internal/e2e do: it is compiled once for both.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sink")
	c := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "ridesink/cmd/sink")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build the sink: %v\n%s", err, out)
	}
	return binary
}

func service(t *testing.T, all []Service, name string) Service {
	t.Helper()
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the file has no service %s", name)
	return Service{}
}

// freeAddress is an address of this machine on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await polls until pending returns nothing, and prints what it last returned if that takes too long.
func await(t *testing.T, what string, pending func() string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		last := pending()
		if last == "" {
			return
		}
		select {
		case <-late:
			t.Fatalf("waited a minute until %s: %s", what, last)
		case <-tick.C:
		}
	}
}
