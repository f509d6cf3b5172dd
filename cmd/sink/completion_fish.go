package main

import (
	"fmt"
	"io"
	"strings"
)

// completion_fish.go: the script for fish: a line for all that can be typed, each with the command behind which it may come.

// fishFunction tells fish which command the cursor is behind. It skips the values of flags.
const fishFunction = `function __sink_at --argument-names wanted
    set -l at sink
    set -l skip no
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        if test $skip = yes
            set skip no
        else if contains -- "$at $word" $__sink_takes
            set skip yes
        else if contains -- "$at $word" $__sink_commands
            set at "$at $word"
        end
    end
    test "$at" = "$wanted"
end

complete -c sink -f
`

// writeFish writes the script for fish.
func writeFish(w io.Writer, commands []shellCommand) error {
	var known, takes, lines []string
	for _, c := range commands {
		behind := "complete -c sink -n " + quotedForFish("__sink_at "+quotedForFish(c.Path))
		for _, next := range c.Commands {
			known = append(known, quotedForFish(next.Path))
			lines = append(lines, behind+" -a "+next.Name+" -d "+quotedForFish(next.Help))
		}
		for _, flag := range c.takers() {
			takes = append(takes, quotedForFish(c.Path+" "+flag))
		}
		for _, argument := range c.Arguments {
			if argument.Files || len(argument.Choices) > 0 {
				lines = append(lines, behind+fishValue(argument))
			}
		}
		for _, flag := range c.Flags {
			lines = append(lines, behind+fishFlag(flag))
		}
	}
	_, err := fmt.Fprintf(w, "# Completion for fish, written by: sink completion fish\n\nset -g __sink_commands %s\nset -g __sink_takes %s\n\n%s\n%s\n",
		strings.Join(known, " "), strings.Join(takes, " "), fishFunction, strings.Join(lines, "\n"))
	return err
}

// fishFlag is the options of complete that describe a flag.
func fishFlag(f shellFlag) string {
	options := " -l " + strings.TrimPrefix(f.Long, "--")
	if f.Short != "" {
		options += " -s " + strings.TrimPrefix(f.Short, "-")
	}
	if f.Takes {
		options += " -r" + fishValue(f.Value)
	}
	return options + " -d " + quotedForFish(f.Help)
}

// fishValue is the options of complete that say what a value may be.
func fishValue(v shellValue) string {
	switch {
	case v.Files:
		return " -F"
	case len(v.Choices) > 0:
		return " -f -a " + quotedForFish(strings.Join(v.Choices, " "))
	}
	return " -f"
}

// quotedForFish is text as one word of fish.
func quotedForFish(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
