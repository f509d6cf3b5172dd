package serde

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/twmb/avro"

	"ridesink/schema"
)

// avro.go: an Avro schema as a tree of types that avro_read.go walks. The library parses and checks the schema; the value is read along the
// writer's schema (Avro specification 1.12, "Data Serialization and Deserialization"), so that each version of a schema in a topic is read by
// its own, and fields find their columns by name. The library's own decoding makes Go values with an allocation each; here a value goes
// straight to JSON.

// avroKind is how a type is written.
type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt // and long: the same varint
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroFixed
	avroEnum
	avroRecord
	avroArray
	avroMap
	avroUnion
)

// avroType is one type of a schema. Named types that refer to themselves make it a graph.
type avroType struct {
	kind     avroKind
	logical  logicalType
	scale    int // decimal
	size     int // fixed
	fields   []avroField
	items    *avroType // array, map
	branches []*avroType
	symbols  []string // enum, as JSON strings
}

// avroField is a field of a record.
type avroField struct {
	name []byte // as JSON, with the colon
	of   *avroType
}

// avroSchema is a schema that is ready to read values.
type avroSchema struct{ root *avroType }

// parseAvro compiles a schema. references are the schemas that it refers to, each behind those that it refers to itself.
func parseAvro(text string, references []reference) (*avroSchema, error) {
	var cache avro.SchemaCache
	c := avroCompiler{named: map[string]*avroType{}}
	for _, r := range references {
		parsed, err := cache.Parse(r.text, avro.WithLaxNames(nil))
		if err != nil {
			return nil, err
		}
		if _, err := c.compile(parsed.Root(), "", false); err != nil {
			return nil, err
		}
	}
	parsed, err := cache.Parse(text, avro.WithLaxNames(nil))
	if err != nil {
		return nil, err
	}
	root, err := c.compile(parsed.Root(), "", true)
	if err != nil {
		return nil, err
	}
	return &avroSchema{root: root}, nil
}

// avroCompiler compiles schemas that share named types, by their full names.
type avroCompiler struct{ named map[string]*avroType }

// compile returns the type of a node inside of a namespace. top says that its fields are those of the ride itself.
func (c *avroCompiler) compile(n *avro.SchemaNode, namespace string, top bool) (*avroType, error) {
	t := &avroType{}
	if !defines(n) {
		return c.lookUp(n.Type, namespace)
	}
	switch n.Type {
	case "null":
		t.kind = avroNull
	case "boolean":
		t.kind = avroBoolean
	case "int", "long":
		t.kind = avroInt
	case "float":
		t.kind = avroFloat
	case "double":
		t.kind = avroDouble
	case "bytes":
		t.kind = avroBytes
	case "string":
		t.kind = avroString
	case "fixed":
		t.kind, t.size = avroFixed, n.Size
		c.define(n, t)
	case "enum":
		t.kind = avroEnum
		for _, symbol := range n.Symbols {
			t.symbols = append(t.symbols, string(appendText(nil, []byte(symbol))))
		}
		c.define(n, t)
	case "array", "map":
		t.kind = avroArray
		items := n.Items
		if n.Type == "map" {
			t.kind, items = avroMap, n.Values
		}
		var err error
		if t.items, err = c.compile(items, namespace, false); err != nil {
			return nil, err
		}
	case "union":
		t.kind = avroUnion
		for i := range n.Branches {
			branch, err := c.compile(&n.Branches[i], namespace, top)
			if err != nil {
				return nil, err
			}
			t.branches = append(t.branches, branch)
		}
	case "record", "error":
		t.kind = avroRecord
		inner := c.define(n, t) // before its fields, which may be of this type
		return t, c.fields(n, t, inner, top)
	default:
		return c.lookUp(n.Type, namespace)
	}
	t.logical = logicalOf(n)
	if t.scale = n.Scale; t.logical == decimalType && (t.scale < 0 || t.scale > maxScale) {
		return nil, fmt.Errorf("it has a decimal with a scale of %d: numeric columns take 0 to %d", t.scale, maxScale)
	}
	return t, nil
}

// defines says that a node whose type has the name of a complex one is one. A named type may be called map, and a node that refers to it looks like a
// map of nothing.
func defines(n *avro.SchemaNode) bool {
	switch n.Type {
	case "array":
		return n.Items != nil
	case "map":
		return n.Values != nil
	case "union":
		return len(n.Branches) > 0
	case "fixed", "enum", "record", "error":
		return n.Name != ""
	}
	return true
}

// define lets later nodes refer to a named type. It returns the namespace of the names inside of it.
func (c *avroCompiler) define(n *avro.SchemaNode, t *avroType) (namespace string) {
	namespace, name := n.Namespace, n.Name
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		namespace, name = name[:dot], name[dot+1:]
	}
	if namespace != "" {
		name = namespace + "." + name
	}
	c.named[name] = t
	return namespace
}

// lookUp returns the type that a name refers to: of this namespace, or its full name.
func (c *avroCompiler) lookUp(name, namespace string) (*avroType, error) {
	if t, known := c.named[namespace+"."+name]; known {
		return t, nil
	}
	if t, known := c.named[name]; known {
		return t, nil
	}
	return nil, fmt.Errorf("it has no type %q", name)
}

func (c *avroCompiler) fields(n *avro.SchemaNode, t *avroType, namespace string, top bool) error {
	for i := range n.Fields {
		f := &n.Fields[i]
		of, err := c.compile(&f.Type, namespace, false)
		if err != nil {
			return fmt.Errorf("field %q: %w", f.Name, err)
		}
		if top && schema.KindOf(f.Name) == schema.KindTime {
			of = of.asMoment()
		}
		name, err := json.Marshal(f.Name)
		if err != nil {
			return fmt.Errorf("field %q: %w", f.Name, err)
		}
		t.fields = append(t.fields, avroField{name: append(name, ':'), of: of})
	}
	return nil
}

// asMoment returns the type of a field whose column is a time: a date is its midnight there.
func (t *avroType) asMoment() *avroType {
	switch {
	case t.logical == dateType:
		moment := *t
		moment.logical = midnightType
		return &moment
	case t.kind == avroUnion:
		moment := *t
		moment.branches = make([]*avroType, len(t.branches))
		for i, branch := range t.branches {
			moment.branches[i] = branch.asMoment()
		}
		return &moment
	}
	return t
}

// appendJSON implements transcoder.
func (s *avroSchema) appendJSON(dst, value []byte) ([]byte, *schema.DecodeError) {
	r := avroReader{value: value, most: len(dst) + mostText(len(value))}
	dst = r.read(dst, s.root, 0)
	if r.bad == nil && r.at != len(value) {
		return dst, badAvro("bytes behind the record")
	}
	return dst, r.bad
}
