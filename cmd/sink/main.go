// Sink moves ride records from Kafka topics into PostgreSQL, each stored exactly once.
//
// Each command is a file of its own: its flags, its help and its Run. Results go to stdout, logs to stderr. A command that fails ends with
// one line on stderr, "sink: what: what to do", and the exit code that exit.go lists.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"

	"ridesink/sink"
)

// cli is every command with its flags, as kong reads it.
type cli struct {
	logOptions

	Backfill    backfillCmd    `cmd:"" help:"Read what is in the topics now, then exit."`
	Run         runCmd         `cmd:"" help:"Read for ever, until SIGTERM or SIGINT."`
	Migrate     migrateCmd     `cmd:"" help:"Make, update or remove the tables."`
	Produce     produceCmd     `cmd:"" help:"Send rides from a file, or synthetic ones, to a topic."`
	Verify      verifyCmd      `cmd:"" help:"Read the topics again and prove that the tables hold them."`
	Status      statusCmd      `cmd:"" help:"Show position, lag, rate and owner of every partition."`
	Peek        peekCmd        `cmd:"" help:"Print records of a topic and what would become of each; writes nothing."`
	Reset       resetCmd       `cmd:"" help:"Move positions by hand: read again, skip, or begin with a topic that was made again."`
	Deadletters deadlettersCmd `cmd:"" help:"List, show, retry or drop records that could not become rows."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running sink whether it is ready, for containers."`
	Completion  completionCmd  `cmd:"" help:"Print a script that completes command lines in bash, zsh or fish."`
	Version     versionCmd     `cmd:"" help:"Print version, commit and Go release."`
}

// logOptions say what is logged on stderr.
type logOptions struct {
	LogLevel  string `name:"log-level" env:"LOG_LEVEL" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"What to log on stderr: debug, info, warn or error."`
	LogFormat string `name:"log-format" env:"LOG_FORMAT" default:"json" enum:"json,text" placeholder:"FORMAT" help:"How to log: json or text."`
}

// logger returns the logger that the options describe. A quiet one has nothing below warnings.
func (o logOptions) logger(w io.Writer, quiet bool) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(o.LogLevel)) // enum admits only levels
	if quiet {
		level = max(level, slog.LevelWarn)
	}
	options := &slog.HandlerOptions{Level: level}
	if o.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// quiet says whether the command that was given has --quiet.
func (c *cli) quiet() bool { return c.Backfill.Quiet || c.Verify.Quiet || c.Produce.Quiet }

func main() {
	os.Exit(profiled(func() int { return run(os.Args[1:], os.Stdout, os.Stderr) }))
}

// run runs one command line and returns its exit code.
func run(args []string, stdout, errs io.Writer) int {
	var c cli
	stderr := newTerminal(errs)
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		return report(stderr, fmt.Errorf("build the command line: %w", err))
	}
	command, err := parser.Parse(args)
	if err != nil {
		var parsing *kong.ParseError
		help := "sink --help"
		if errors.As(err, &parsing) && parsing.Context != nil && parsing.Context.Command() != "" {
			help = "sink " + commandName(parsing.Context) + " --help"
		}
		return report(stderr, usageError(fmt.Errorf("%w: try: %s", err, help)))
	}
	log := c.logger(stderr, c.quiet())
	ctx, stopListening := withSignals(context.Background(), log, stderr)
	defer stopListening()
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(stdout, (*io.Writer)(nil))
	command.Bind(stderr)
	return report(stderr, command.Run(log))
}

// newParser describes the command line, with the defaults that the library has.
func newParser(c *cli, stdout, stderr io.Writer) (*kong.Kong, error) {
	defaults := sink.DefaultConfig()
	return kong.New(c,
		kong.Name("sink"),
		kong.Description("Moves ride records from Kafka topics into PostgreSQL, each stored exactly once."),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.Resolvers(kong.ResolverFunc(kafkaFileResolver)),
		kong.Vars{
			"memory_bytes":    strconv.Itoa(defaults.MemoryBytes),
			"max_batch_bytes": strconv.Itoa(defaults.MaxBatchBytes),
		})
}

// commandName is the words of the command that was parsed so far, without its arguments.
func commandName(c *kong.Context) string {
	var words []string
	for _, node := range c.Path {
		if node.Command != nil {
			words = append(words, node.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// report prints the one line of a failure and returns the exit code. On a terminal the line is broken between words.
func report(stderr *terminal, err error) int {
	if err != nil {
		lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		fmt.Fprintln(stderr, folded("sink: "+redacted(strings.Join(lines, "; ")), stderr.columns()))
	}
	return exitCode(err)
}

// errSignal is why a context ended that a signal ended.
var errSignal = errors.New("stopped by a signal")

// withSignals returns a context that the first SIGINT or SIGTERM ends; a second one ends the process at once. stop ends the listening.
func withSignals(parent context.Context, log *slog.Logger, screen *terminal) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals, done := make(chan os.Signal, 2), make(chan struct{}) // 2: neither is missed while the first is logged
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var listening sync.WaitGroup
	listening.Go(func() {
		for first := true; ; first = false {
			select {
			case <-done:
				return
			case s := <-signals:
				if !first {
					screen.finish()
					os.Exit(exitInterrupted)
				}
				log.Info("stopping; a second signal exits at once", "signal", s.String())
				cancel(errSignal)
			}
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		listening.Wait()
		cancel(nil)
	}
}
