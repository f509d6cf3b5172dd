package main

import "regexp"

// redact.go: what goes to stderr may repeat what was typed, and who mistypes a command may type a URL with a password.

// redacted hides the password of every URL in text.
func redacted(text string) string {
	login := regexp.MustCompile(`(://[^\s:/@]*):\S*@`)
	return login.ReplaceAllString(text, "$1:xxxxx@")
}
