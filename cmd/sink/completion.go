package main

import (
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// completion.go: the command that prints a script for a shell. completion_model.go says what can be typed; completion_bash.go,
// completion_zsh.go and completion_fish.go write it down, each in its shell's own way.

// completionCmd is `sink completion`.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help is shown by sink completion --help.
func (*completionCmd) Help() string {
	return `Prints a script that makes the shell complete commands, flags, and the values of flags that allow only some. Made from the very flags of
this binary: print it again after an upgrade. For every new shell, put the line below in ~/.bashrc, or in ~/.zshrc after compinit; fish reads
the file by itself.

Examples:
  source <(sink completion bash)
  source <(sink completion zsh)
  sink completion fish > ~/.config/fish/completions/sink.fish`
}

// Run prints the script.
func (c *completionCmd) Run(command *kong.Context, stdout io.Writer) error {
	write := map[string]func(io.Writer, []shellCommand) error{"bash": writeBash, "zsh": writeZsh, "fish": writeFish}[c.Shell] // enum admits no other
	if err := write(stdout, shellCommands(command.Model.Node)); err != nil {
		return fmt.Errorf("print the script for %s: %w", c.Shell, err)
	}
	return nil
}
