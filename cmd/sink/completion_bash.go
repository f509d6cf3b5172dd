package main

import (
	"fmt"
	"io"
	"strings"
)

// completion_bash.go: the script for bash. It needs nothing but bash, 3.2 or newer; the package bash-completion is not asked for.

// bashFunction is what bash calls. It walks over the words before the cursor to find the command, and skips the values of flags.
const bashFunction = `# bash makes words of their own of =, as COMP_WORDBREAKS says: --flag=value comes as three.
_sink() {
    local IFS=$' \t\n' at=sink asked= prefix= commands= flags= takes= values= files= word i
    local cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    _sink_command "$at"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $word && " $takes " == *" $word "* ]]; then
            asked=$word
            ((i++))
            [[ $i -lt $COMP_CWORD && ${COMP_WORDS[i]} == "=" ]] && ((i++))
            [[ $i -lt $COMP_CWORD ]] && asked=
        elif [[ -n $word && " $commands " == *" $word "* ]]; then
            at="$at $word"
            _sink_command "$at"
        fi
    done
    if [[ $cur == "=" ]]; then
        [[ -n $asked ]] || return
        cur=
    elif [[ -z $asked && $cur == --*=* ]]; then
        asked=${cur%%=*} prefix=${cur%%=*}= cur=${cur#*=}
    fi
    if [[ -n $asked ]]; then
        _sink_value "$at $asked"
    elif [[ $cur == -* ]]; then
        values=$flags
    elif [[ -n $commands ]]; then
        values=$commands
    else
        _sink_value "$at"
        [[ -n $values$files ]] || values=$flags
    fi
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(if [[ -n $files ]]; then compgen -f -P "$prefix" -- "$cur"; else compgen -W "$values" -P "$prefix" -- "$cur"; fi)
    [[ -z $files ]] || compopt -o filenames 2>/dev/null
}

complete -F _sink sink
`

// writeBash writes the script for bash.
func writeBash(w io.Writer, commands []shellCommand) error {
	var b strings.Builder
	b.WriteString("# Completion for bash, written by: sink completion bash\n\n")
	b.WriteString("# What may follow a command: commands, flags, and of the flags those that take a value.\n_sink_command() {\n    case $1 in\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "    %s)\n        commands=%s\n        flags=%s\n        takes=%s\n        ;;\n",
			quotedForShell(c.Path), bashWords(c.names()), bashWords(c.longFlags()), bashWords(c.takers()))
	}
	b.WriteString("    esac\n}\n\n# What a flag of a command, or its argument, may be: some values, or a file.\n_sink_value() {\n    case $1 in\n")
	for _, c := range commands {
		for _, flag := range c.Flags {
			pattern := quotedForShell(c.Path + " " + flag.Long)
			if flag.Short != "" {
				pattern += " | " + quotedForShell(c.Path+" "+flag.Short)
			}
			writeBashValue(&b, pattern, flag.Value)
		}
		if len(c.Arguments) > 0 { // no command has more than one
			writeBashValue(&b, quotedForShell(c.Path), c.Arguments[0])
		}
	}
	b.WriteString("    esac\n}\n\n")
	b.WriteString(bashFunction)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeBashValue writes a line of _sink_value, unless any value will do.
func writeBashValue(b *strings.Builder, pattern string, v shellValue) {
	switch {
	case v.Files:
		fmt.Fprintf(b, "    %s) files=yes ;;\n", pattern)
	case len(v.Choices) > 0:
		fmt.Fprintf(b, "    %s) values=%s ;;\n", pattern, bashWords(v.Choices))
	}
}

func bashWords(words []string) string { return quotedForShell(strings.Join(words, " ")) }
