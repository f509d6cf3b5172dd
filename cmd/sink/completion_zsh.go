package main

import (
	"fmt"
	"io"
	"strings"
)

// completion_zsh.go: the script for zsh: a function a command, each with the specifications that zsh's _arguments reads.

// zshEnd lets the script be sourced as well as lie in a directory of $fpath, from where zsh loads it when it is first needed.
const zshEnd = `if [[ ${funcstack[1]} == _sink ]]; then
    _sink "$@"
else
    compdef _sink sink
fi
`

// zshCommands is the part of a function that completes the commands below, and hands the words behind one over to its own function.
const zshCommands = `    local curcontext=$curcontext context state state_descr line ret=1
    typeset -A opt_args
    _arguments -C $specs '1: :->command' '*:: :->rest' && ret=0
    case $state in
    command) _describe -t commands command commands && ret=0 ;;
    rest)
        case $words[1] in
`

// writeZsh writes the script for zsh.
func writeZsh(w io.Writer, commands []shellCommand) error {
	var b strings.Builder
	b.WriteString("#compdef sink\n# Completion for zsh, written by: sink completion zsh\n\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "%s() {\n    local -a specs commands\n    specs=(\n", zshFunction(c))
		for _, flag := range c.Flags {
			for _, spec := range zshFlag(flag) {
				fmt.Fprintf(&b, "        %s\n", quotedForShell(spec))
			}
		}
		for i, argument := range c.Arguments {
			fmt.Fprintf(&b, "        %s\n", quotedForShell(fmt.Sprintf("%d%s", i+1, zshValue(argument))))
		}
		b.WriteString("    )\n")
		if len(c.Commands) == 0 {
			b.WriteString("    _arguments $specs\n}\n\n")
			continue
		}
		b.WriteString("    commands=(\n")
		for _, next := range c.Commands {
			fmt.Fprintf(&b, "        %s\n", quotedForShell(next.Name+":"+next.Help))
		}
		b.WriteString("    )\n" + zshCommands)
		for _, next := range c.Commands {
			fmt.Fprintf(&b, "        %s) %s && ret=0 ;;\n", next.Name, zshFunction(next))
		}
		b.WriteString("        esac\n        ;;\n    esac\n    return ret\n}\n\n")
	}
	b.WriteString(zshEnd)
	_, err := io.WriteString(w, b.String())
	return err
}

// zshFunction is the name of a command's function.
func zshFunction(c shellCommand) string { return "_" + strings.ReplaceAll(c.Path, " ", "_") }

// zshFlag is the specification of a flag, one for each spelling. Unless it may be repeated, one spelling rules the other out.
func zshFlag(f shellFlag) []string {
	before := ""
	switch {
	case f.Repeats:
		before = "*"
	case f.Short != "":
		before = "(" + f.Short + " " + f.Long + ")"
	}
	var specs []string
	for _, spelling := range f.spellings() {
		switch {
		case !f.Takes:
		case spelling == f.Long:
			spelling += "=" // the value may follow this, or be the next word
		default:
			spelling += "+" // the value may follow at once, or be the next word
		}
		spec := before + spelling + "[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(f.Help) + "]"
		if f.Takes {
			spec += zshValue(f.Value)
		}
		specs = append(specs, spec)
	}
	return specs
}

// zshValue is the part of a specification that says what a value is called and may be.
func zshValue(v shellValue) string {
	action := " " // the name is shown, and nothing is offered
	switch {
	case v.Files:
		action = "_files"
	case len(v.Choices) > 0:
		action = "(" + strings.Join(v.Choices, " ") + ")"
	}
	return ":" + strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(v.Name) + ":" + action
}
