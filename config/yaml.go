package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// written is one setting as the file has it.
type written struct {
	value
	// where is "topupq.yaml line 3, aat.timeout".
	where string
}

// file is what topupq.yaml says, by flat name.
type file struct {
	name   string
	known  map[string]bool
	values map[string]written
	bad    *problems
}

// readYAML takes data apart. known are the flat names; mistakes are added to bad with their line, and never quote
// a value, since it may be a secret.
func readYAML(name string, data []byte, known []string, bad *problems) map[string]written {
	f := &file{name: name, known: map[string]bool{}, values: map[string]written{}, bad: bad}
	for _, k := range known {
		f.known[k] = true
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		line, message := yamlMistake(err)
		bad.add(fmt.Sprintf("%s line %d", name, line), "not YAML: %s", message)
		return f.values
	}
	if len(tree.Docs) > 1 {
		bad.add(name, "holds %d documents: write one", len(tree.Docs))
		return f.values
	}
	if len(tree.Docs) == 1 && tree.Docs[0].Body != nil {
		f.walk("", "", tree.Docs[0].Body)
	}
	return f.values
}

// yamlMistake is the line and the message of a syntax error, without the source that goccy would print.
func yamlMistake(err error) (int, string) {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return 1, "cannot be read"
	}
	line := 1
	if t := ye.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	message, _, _ := strings.Cut(ye.GetMessage(), ":")
	message, _, _ = strings.Cut(message, "\"")
	return line, strings.TrimSpace(message)
}

// walk reads a mapping of settings and groups.
func (f *file) walk(flat, path string, n ast.Node) {
	if _, empty := n.(*ast.NullNode); empty {
		return
	}
	entries, ok := mapping(n)
	if !ok {
		f.bad.add(f.at(n, path), "must be a mapping: write key: value lines")
		return
	}
	for _, e := range entries {
		key, ok := scalar(e.Key)
		if !ok {
			f.bad.add(f.at(e, path), "the key must be plain text")
			continue
		}
		f.entry(join(flat, "_", key), join(path, ".", key), e)
	}
}

func (f *file) entry(flat, path string, e *ast.MappingValueNode) {
	where := f.at(e.Key, path)
	switch {
	case f.known[flat]:
		f.keep(flat, where, e.Value)
	case f.isGroup(flat):
		f.walk(flat, path, e.Value)
	default:
		hint := ""
		if near := nearest(flat, f.names()); near != "" {
			hint = fmt.Sprintf(": did you mean %s", near)
		}
		f.bad.add(where, "unknown key%s", hint)
	}
}

func (f *file) keep(flat, where string, n ast.Node) {
	v, err := yamlValue(n)
	if err != nil {
		f.bad.add(where, "%s", err)
		return
	}
	if earlier, twice := f.values[flat]; twice {
		f.bad.add(where, "is set twice, first at %s: keep one", earlier.where)
		return
	}
	f.values[flat] = written{value: v, where: where}
}

func (f *file) isGroup(flat string) bool {
	for k := range f.known {
		if strings.HasPrefix(k, flat+"_") {
			return true
		}
	}
	return false
}

func (f *file) names() []string {
	out := make([]string, 0, len(f.known))
	for k := range f.known {
		out = append(out, k)
	}
	return out
}

func (f *file) at(n ast.Node, path string) string {
	line := 1
	if t := n.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	if path == "" {
		return fmt.Sprintf("%s line %d", f.name, line)
	}
	return fmt.Sprintf("%s line %d, %s", f.name, line, path)
}

var errShape = errors.New("must be plain text, a list of plain text, or a mapping of it (no anchors, no tags)")

// yamlValue is a scalar, a list, or a mapping read as "key:value" items.
func yamlValue(n ast.Node) (value, error) {
	if s, ok := scalar(n); ok {
		return value{text: s}, nil
	}
	items := []string{}
	if seq, ok := n.(*ast.SequenceNode); ok {
		for _, e := range seq.Values {
			s, ok := item(e)
			if !ok {
				return value{}, errShape
			}
			items = append(items, s)
		}
		return value{text: strings.Join(items, ","), items: items}, nil
	}
	entries, ok := mapping(n)
	if !ok {
		return value{}, errShape
	}
	for _, e := range entries {
		k, okKey := scalar(e.Key)
		v, okValue := scalar(e.Value)
		if !okKey || !okValue {
			return value{}, errShape
		}
		items = append(items, k+":"+v)
	}
	return value{text: strings.Join(items, ","), items: items}, nil
}

// item is one element of a list: text, a user written as a mapping of name, password and role, or a route (see
// routeItem).
func item(n ast.Node) (string, bool) {
	if s, ok := scalar(n); ok {
		return s, true
	}
	entries, ok := mapping(n)
	if !ok {
		return "", false
	}
	if text, isRoute := routeItem(entries); isRoute {
		return text, true
	}
	parts := map[string]string{}
	for _, e := range entries {
		k, okKey := scalar(e.Key)
		v, okValue := scalar(e.Value)
		if !okKey || !okValue || (k != "name" && k != "password" && k != "role") {
			return "", false
		}
		parts[k] = v
	}
	return parts["name"] + ":" + parts["password"] + ":" + parts["role"], true
}

func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	default:
		return nil, false
	}
}

// scalar is the text as it was written: 0010 and 1e3 stay what they are.
func scalar(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(s.Value.Value), true
	case *ast.NullNode:
		return "", true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

func join(a, sep, b string) string {
	if a == "" {
		return b
	}
	return a + sep + b
}
