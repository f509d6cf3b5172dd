package main

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"ridesink/internal/serde"
	"ridesink/schema"
)

// completion_model.go: what can be typed behind each command, taken from the command line as kong knows it. Before it completion.go.

// shellCommand is sink itself or one of its commands, as a shell completes it.
type shellCommand struct {
	Path      string // all its words: sink deadletters list
	Name      string // the last of them
	Help      string
	Commands  []shellCommand // those that may come next
	Flags     []shellFlag    // its own, and those that every command has
	Arguments []shellValue
}

// shellFlag is a flag of a command.
type shellFlag struct {
	Long    string // with its dashes
	Short   string // with its dash; "" if it has none
	Help    string
	Takes   bool // a value; the others are switches
	Repeats bool // may be given again
	Value   shellValue
}

// shellValue is what a flag or an argument takes.
type shellValue struct {
	Name    string
	Choices []string // all that it may be; empty if anything will do
	Files   bool     // the name of a file
}

// shellCommands lists node and every command below it, parents first.
func shellCommands(node *kong.Node) []shellCommand {
	var all []shellCommand
	var list func(shellCommand)
	list = func(c shellCommand) {
		all = append(all, c)
		for _, next := range c.Commands {
			list(next)
		}
	}
	list(newShellCommand(node, node.Name))
	return all
}

func newShellCommand(node *kong.Node, path string) shellCommand {
	c := shellCommand{Path: path, Name: node.Name, Help: firstSentence(node.Help)}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			c.Flags = append(c.Flags, newShellFlag(flag))
		}
	}
	for _, argument := range node.Positional {
		c.Arguments = append(c.Arguments, newShellValue(argument, argument.Name))
	}
	for _, child := range node.Children {
		if !child.Hidden {
			c.Commands = append(c.Commands, newShellCommand(child, path+" "+child.Name))
		}
	}
	return c
}

func newShellFlag(f *kong.Flag) shellFlag {
	flag := shellFlag{
		Long: "--" + f.Name, Help: firstSentence(f.Help), Takes: !f.IsBool() && !f.IsCounter(), Repeats: f.IsCumulative() || f.IsCounter(),
	}
	if f.Short != 0 {
		flag.Short = "-" + string(f.Short)
	}
	if flag.Takes {
		flag.Value = newShellValue(f.Value, cmp.Or(f.PlaceHolder, f.Name))
	}
	return flag
}

// newShellValue reads from enum and type what a value may be. The tag complete:"files" marks names of files.
func newShellValue(v *kong.Value, name string) shellValue {
	value := shellValue{Name: name, Files: v.Tag.Get("complete") == "files"}
	switch {
	case v.Enum != "":
		value.Choices = v.EnumSlice()
	case v.Target.Type() == reflect.TypeFor[schema.Dialect]():
		for _, d := range schema.Dialects() {
			value.Choices = append(value.Choices, d.String())
		}
	case v.Target.Type() == reflect.TypeFor[recordFormat]():
		for _, e := range serde.Encodings() {
			value.Choices = append(value.Choices, e.String())
		}
	}
	return value
}

// names are the commands that may come next.
func (c shellCommand) names() []string {
	var names []string
	for _, next := range c.Commands {
		names = append(names, next.Name)
	}
	return names
}

func (c shellCommand) longFlags() []string {
	var flags []string
	for _, flag := range c.Flags {
		flags = append(flags, flag.Long)
	}
	return flags
}

// takers are the flags that a value follows, in all spellings.
func (c shellCommand) takers() []string {
	var flags []string
	for _, flag := range c.Flags {
		if flag.Takes {
			flags = append(flags, flag.spellings()...)
		}
	}
	return flags
}

func (f shellFlag) spellings() []string {
	if f.Short == "" {
		return []string{f.Long}
	}
	return []string{f.Long, f.Short}
}

// firstSentence is as much of a help text as has room beside a word.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, ". ")
	return strings.TrimSuffix(text, ".")
}

// quotedForShell is text as one word of bash or zsh.
func quotedForShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
