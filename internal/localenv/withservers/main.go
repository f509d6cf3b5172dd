// Withservers runs a command while PostgreSQL and Kafka are up, and tells it where they are:
//
//	go run ./internal/localenv/withservers go test ./...
//
// It starts one PostgreSQL (TEST_DATABASE_URL) and one real Kafka (TEST_KAFKA_BROKERS), so that packages that are tested beside each other share
// them. A server that the environment already names is not started. Without Java the command runs without Kafka, and the tests that need
// it say that they skip; with CI=true that is an error. When the command ends, the servers are stopped and its exit code is passed on.
//
// The command can take PostgreSQL away and bring it back: WITHSERVERS_PID is the process to send SIGUSR1 (kill it) and SIGUSR2 (start it again).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"ridesink/internal/localenv"
)

func main() {
	version := flag.String("postgres", "", "version of PostgreSQL, such as 15 or 18 (default the newest installed, else a fetched 18)")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "withservers: which command? Such as: withservers go test ./...")
		os.Exit(2)
	}
	code, err := run(*version, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withservers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// run starts what is missing, runs the command, and stops what it started.
func run(version string, command []string) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var s servers
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.start(ctx, version); err != nil {
		return 1, err
	}
	defer s.obey(ctx)()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = append(append(os.Environ(), s.environment...), "WITHSERVERS_PID="+strconv.Itoa(os.Getpid()))
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // of Ctrl-C it heard itself; it may take its time
	err = c.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil // what it had to say, it said; -1 is a signal
	}
	return 0, err
}

// servers are what was started, and how to tell the command.
type servers struct {
	postgres    *localenv.Postgres
	kafka       *localenv.Kafka
	environment []string
}

func (s *servers) start(ctx context.Context, version string) error {
	starting, ctx := errgroup.WithContext(ctx)
	if os.Getenv(localenv.DatabaseVariable) == "" {
		starting.Go(func() (err error) {
			s.postgres, err = localenv.StartPostgres(ctx, localenv.PostgresOptions{Version: version})
			return err
		})
	}
	if os.Getenv(localenv.BrokersVariable) == "" {
		starting.Go(func() (err error) {
			s.kafka, err = localenv.StartKafka(ctx, localenv.KafkaOptions{})
			if errors.Is(err, localenv.ErrNoJava) && !localenv.InCI() {
				fmt.Fprintln(os.Stderr, "withservers: going on without Kafka:", err)
				err = nil
			}
			return err
		})
	}
	err := starting.Wait()
	if s.postgres != nil {
		fmt.Fprintf(os.Stderr, "withservers: PostgreSQL %s at %s\n", s.postgres.Version(), s.postgres.URL())
		s.environment = append(s.environment, localenv.DatabaseVariable+"="+s.postgres.URL())
	}
	if s.kafka != nil {
		brokers := strings.Join(s.kafka.Brokers(), ",")
		fmt.Fprintf(os.Stderr, "withservers: Kafka at %s\n", brokers)
		s.environment = append(s.environment, localenv.BrokersVariable+"="+brokers)
	}
	return err
}

// obey kills PostgreSQL at SIGUSR1 and starts it at SIGUSR2 until the returned function is called.
func (s *servers) obey(ctx context.Context) (end func()) {
	orders := make(chan os.Signal, 1)
	signal.Notify(orders, syscall.SIGUSR1, syscall.SIGUSR2)
	var obeying sync.WaitGroup
	obeying.Go(func() {
		for order := range orders {
			switch {
			case s.postgres == nil:
				fmt.Fprintln(os.Stderr, "withservers: PostgreSQL was not started here: it stays as it is")
			case order == syscall.SIGUSR1:
				s.postgres.Kill()
			default:
				if err := s.postgres.Start(ctx); err != nil {
					fmt.Fprintln(os.Stderr, "withservers:", err)
				}
			}
		}
	})
	return func() {
		signal.Stop(orders)
		close(orders)
		obeying.Wait()
	}
}

func (s *servers) stop() (err error) {
	if s.postgres != nil {
		err = s.postgres.Stop()
	}
	if s.kafka != nil {
		err = errors.Join(err, s.kafka.Stop())
	}
	return err
}
