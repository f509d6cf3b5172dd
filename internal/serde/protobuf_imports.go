package serde

import (
	"embed"
	"path"
)

// protobuf_imports.go: files that Confluent's serializers know and therefore never register, as they do not register Protobuf's own. The compiler has
// those; these are here, for rides: a decimal, what Kafka Connect puts beside fields, the types of google/type that a ride may have.

//go:embed imports
var imports embed.FS

// knownImport returns the text of a file that no registry has.
func knownImport(name string) (text string, ok bool) {
	content, err := imports.ReadFile(path.Join("imports", name))
	return string(content), err == nil
}
