package intake

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// node is an object of the OpenAPI document, in the order in which it is written.
type node struct {
	items yaml.MapSlice
	root  *node
}

// readSpec takes what the page shows out of the document.
func readSpec(text []byte) (spec, error) {
	var items yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(text, &items, yaml.UseOrderedMap()); err != nil {
		return spec{}, fmt.Errorf("read openapi.yaml: %w", err)
	}
	root := &node{items: items}
	root.root = root
	info := root.get("info")
	out := spec{Title: info.text("title"), Summary: info.text("summary"), Text: paragraphs(info.text("description"))}
	for _, tag := range root.list("tags") {
		name := tag.text("name")
		out.Sections = append(out.Sections, specSection{
			Name: name, Text: tag.text("description"), Anchor: anchor("section", name), Calls: root.calls(name),
		})
	}
	schemas := root.get("components").get("schemas")
	for _, item := range schemas.items {
		name := fmt.Sprint(item.Key)
		if shape := schemas.get(name).shape(name); len(shape.Fields) > 0 {
			out.Shapes = append(out.Shapes, shape)
		}
	}
	for _, code := range schemas.get("Problem").get("properties").get("code").values("enum") {
		out.Codes = append(out.Codes, fmt.Sprint(code))
	}
	return out, nil
}

// get is a member, followed where it is a reference; an empty node where there is none.
func (n *node) get(name string) *node {
	for _, item := range n.items {
		if fmt.Sprint(item.Key) == name {
			return n.node(item.Value)
		}
	}
	return &node{root: n.root}
}

func (n *node) node(v any) *node {
	items, _ := v.(yaml.MapSlice)
	return (&node{items: items, root: n.root}).follow()
}

func (n *node) follow() *node {
	ref := n.text("$ref")
	if ref == "" {
		return n
	}
	to := n.root
	for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		to = to.get(name)
	}
	return to
}

// refName is the last part of the reference that a member is, "" where it is none.
func (n *node) refName(name string) string {
	for _, item := range n.items {
		if fmt.Sprint(item.Key) == name {
			items, _ := item.Value.(yaml.MapSlice)
			ref := (&node{items: items}).text("$ref")
			return ref[strings.LastIndex(ref, "/")+1:]
		}
	}
	return ""
}

func (n *node) value(name string) any {
	for _, item := range n.items {
		if fmt.Sprint(item.Key) == name {
			return item.Value
		}
	}
	return nil
}

func (n *node) text(name string) string {
	s, _ := n.value(name).(string)
	return strings.TrimSpace(s)
}

func (n *node) values(name string) []any {
	list, _ := n.value(name).([]any)
	return list
}

func (n *node) list(name string) []*node {
	var out []*node
	for _, v := range n.values(name) {
		out = append(out, n.node(v))
	}
	return out
}

// calls are the operations of a tag.
func (n *node) calls(tag string) []specCall {
	var calls []specCall
	paths := n.get("paths")
	for _, p := range paths.items {
		path := fmt.Sprint(p.Key)
		item := paths.get(path)
		for _, method := range []string{"get", "post", "put"} {
			op := item.get(method)
			if tags := op.values("tags"); len(tags) == 0 || tags[0] != tag {
				continue
			}
			calls = append(calls, op.call(strings.ToUpper(method), path, item.list("parameters")))
		}
	}
	return calls
}

func (n *node) call(method, path string, shared []*node) specCall {
	c := specCall{
		Method: method, Path: path, Anchor: anchor(method, path), Summary: n.text("summary"),
		Scope: n.text("x-scope"), Text: paragraphs(n.text("description")),
	}
	for _, p := range append(shared, n.list("parameters")...) {
		c.Params = append(c.Params, [3]string{p.text("name"), p.text("in") + " " + typeOf(p, "schema"), p.text("description")})
	}
	body := n.get("requestBody").get("content")
	for _, item := range body.items {
		typ := fmt.Sprint(item.Key)
		c.Params = append(c.Params, [3]string{"body", typ + " " + typeOf(body.get(typ), "schema"), body.get(typ).get("schema").text("description")})
		if c.Example == "" {
			c.Example = exampleText(body.get(typ).value("example"))
		}
	}
	answers := n.get("responses")
	for _, item := range answers.items {
		status := fmt.Sprint(item.Key)
		c.Answers = append(c.Answers, [3]string{status, answers.get(status).shapeName(), answers.get(status).text("description")})
	}
	return c
}

// shapeName is the shape of an answer's JSON.
func (n *node) shapeName() string {
	content := n.get("content")
	for _, item := range content.items {
		if name := content.get(fmt.Sprint(item.Key)).refName("schema"); name != "" {
			return name
		}
	}
	return ""
}

// typeOf is the type of the schema that is a member: a shape's name, or a type with its values.
func typeOf(n *node, member string) string {
	if name := n.refName(member); name != "" {
		return name
	}
	return n.get(member).typeText()
}

func (n *node) typeText() string {
	var text string
	switch t := n.value("type").(type) {
	case string:
		text = t
	case []any:
		var names []string
		for _, name := range t {
			names = append(names, fmt.Sprint(name))
		}
		text = strings.Join(names, " or ")
	}
	if text == "array" {
		return "array of " + typeOf(n, "items")
	}
	if values := n.values("enum"); len(values) > 0 {
		var names []string
		for _, v := range values {
			if v != nil {
				names = append(names, fmt.Sprint(v))
			}
		}
		text += ": " + strings.Join(names, ", ")
	}
	return text
}

func (n *node) shape(name string) specShape {
	s := specShape{Name: name, Anchor: anchor("shape", name), Text: n.text("description")}
	parts := append([]*node{n}, n.list("allOf")...)
	for _, part := range parts {
		fields := part.get("properties")
		for _, item := range fields.items {
			field := fmt.Sprint(item.Key)
			own, _ := item.Value.(yaml.MapSlice)
			text := (&node{items: own}).text("description")
			if text == "" {
				text = fields.get(field).text("description")
			}
			s.Fields = append(s.Fields, [3]string{field, typeOf(fields, field), text})
		}
	}
	return s
}

// exampleText is an example as it would be sent.
func exampleText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	default:
		text, err := yaml.MarshalWithOptions(v, yaml.JSON())
		if err != nil {
			return ""
		}
		var pretty strings.Builder
		enc := json.NewEncoder(&pretty)
		enc.SetIndent("", "  ")
		if err := enc.Encode(json.RawMessage(text)); err != nil {
			return ""
		}
		return strings.TrimSpace(pretty.String())
	}
}
