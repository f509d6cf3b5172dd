package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"ridesink/migrations"
)

// migrateCmd is `sink migrate`: the tables of the sink.
type migrateCmd struct {
	Up      migrateUpCmd      `cmd:"" help:"Bring the tables up to date."`
	Down    migrateDownCmd    `cmd:"" help:"Remove tables, with what is in them."`
	Version migrateVersionCmd `cmd:"" help:"Print the version of the tables, and the one that this binary needs."`
}

// migrateUpCmd is `sink migrate up`.
type migrateUpCmd struct {
	databaseOptions
	Recover bool `name:"recover" help:"First take back what a killed migration left: the tables themselves tell whether it was applied."`
}

// Help is shown by sink migrate up --help.
func (*migrateUpCmd) Help() string {
	return `Makes the tables in the schema that search_path names first, or updates them. Any number of starters may do so at once.
A migration that was killed leaves a mark; --recover takes it back without guessing, and is harmless otherwise.

Examples:
  sink migrate up
  sink migrate up --recover`
}

// Run migrates.
func (c *migrateUpCmd) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	if c.Recover {
		version, err := migrations.Recover(ctx, url)
		if err != nil {
			return environmentError(err)
		}
		log.InfoContext(ctx, "no dirty mark is left", "version", version)
	}
	applied, version, err := migrations.Up(ctx, url)
	if err != nil {
		return migrationError(ctx, err)
	}
	_, err = fmt.Fprintf(stdout, "version %d, %d applied now\n", version, applied)
	return err
}

// migrateDownCmd is `sink migrate down`.
type migrateDownCmd struct {
	databaseOptions
	Steps int  `name:"steps" placeholder:"N" xor:"far" help:"How many migrations to revert."`
	All   bool `name:"all" xor:"far" help:"Revert all of them: no table is left."`
}

// Help is shown by sink migrate down --help.
func (*migrateDownCmd) Help() string {
	return `Removes tables, and the rides, positions or dead letters in them. It must be told how far: --steps N or --all.

Examples:
  sink migrate down --steps 1
  sink migrate down --all`
}

// Run reverts.
func (c *migrateDownCmd) Run(ctx context.Context, stdout io.Writer) error {
	steps := c.Steps
	switch {
	case c.All:
		steps = migrations.All
	case steps <= 0:
		return usageError(errors.New("migrate down removes tables with what is in them: say how far, with --steps N (1 or more) or --all"))
	}
	url, err := c.url()
	if err != nil {
		return err
	}
	reverted, version, err := migrations.Down(ctx, url, steps)
	if err != nil {
		return migrationError(ctx, err)
	}
	_, err = fmt.Fprintf(stdout, "version %d, %d reverted now\n", version, reverted)
	return err
}

// migrateVersionCmd is `sink migrate version`.
type migrateVersionCmd struct {
	databaseOptions
}

// Help is shown by sink migrate version --help.
func (*migrateVersionCmd) Help() string {
	return `Changes nothing. Version 0 is a database without the tables.

Examples:
  sink migrate version
  DATABASE_URL_FILE=/run/secrets/database-url sink migrate version`
}

// Run prints one line; it changes nothing.
func (c *migrateVersionCmd) Run(ctx context.Context, stdout io.Writer) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	version, dirty, err := migrations.Version(ctx, url)
	if err != nil {
		return migrationError(ctx, err)
	}
	state := ""
	if dirty {
		state = ", dirty: a migration runs or was killed"
	}
	_, err = fmt.Fprintf(stdout, "version %d of %d%s\n", version, migrations.Newest(), state)
	return err
}

// migrationError gives an error of a migration its exit code: the database is not as expected, unless a signal ended it.
func migrationError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: start it again to go on", err)
	}
	return environmentError(err)
}
