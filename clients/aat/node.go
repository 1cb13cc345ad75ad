package aat

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// node is one XML element by its local name: text where it has no children, else its children.
type node struct {
	name     string
	text     string
	children []node

	// op and redact are set on the root, for errors.
	op     string
	redact func(string) string
}

// maxElements bounds how many elements of an answer are read; the largest known answer, the vouchers of one type,
// has seven per voucher.
const maxElements = 200_000

// Causes of an *UndecodableError. They name members, never values.
var (
	errNotXML   = errors.New("not a whole XML document")
	errRoot     = errors.New("another root element")
	errTrailing = errors.New("text after the root element")
	errTooMany  = errors.New("too many elements")
)

// parse reads one XML document whose root has the local name root, whatever the namespace. Elements three levels
// down and deeper, which no answer has, are read over.
func parse(body []byte, root string) (node, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	p := parser{dec: xml.NewDecoder(bytes.NewReader(body))}
	start, err := p.firstElement()
	if err != nil {
		return node{}, err
	}
	if start.Name.Local != root {
		return node{}, errRoot
	}
	n, err := p.element(start, 0)
	if err != nil {
		return node{}, err
	}
	return n, p.end()
}

// parser reads raw tokens, which cost half of what the decoder's checked ones do: nothing here needs namespaces, and
// that every element ends is checked by element and skip.
type parser struct {
	dec      *xml.Decoder
	elements int
}

// maxDepth is the level of the members of a list's entries; the root is level 0.
const maxDepth = 2

func (p *parser) firstElement() (xml.StartElement, error) {
	for {
		token, err := p.dec.RawToken()
		if err != nil {
			return xml.StartElement{}, errNotXML
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return xml.StartElement{}, errNotXML
			}
		}
	}
}

// element reads what follows start up to its end.
func (p *parser) element(start xml.StartElement, depth int) (node, error) {
	n := node{name: start.Name.Local}
	if p.elements++; p.elements > maxElements {
		return node{}, errTooMany
	}
	var text []byte
	for {
		token, err := p.dec.RawToken()
		if err != nil {
			return node{}, errNotXML
		}
		switch t := token.(type) {
		case xml.EndElement:
			if t.Name != start.Name {
				return node{}, errNotXML
			}
			n.text = string(bytes.TrimSpace(text))
			return n, nil
		case xml.CharData:
			text = append(text, t...)
		case xml.StartElement:
			if err := p.child(&n, t, depth); err != nil {
				return node{}, err
			}
		}
	}
}

func (p *parser) child(n *node, start xml.StartElement, depth int) error {
	if depth == maxDepth {
		return p.skip(start)
	}
	c, err := p.element(start, depth+1)
	if err != nil {
		return err
	}
	n.children = append(n.children, c)
	return nil
}

// skip reads over what follows start up to its end.
func (p *parser) skip(start xml.StartElement) error {
	open := []xml.Name{start.Name}
	for len(open) > 0 {
		token, err := p.dec.RawToken()
		if err != nil {
			return errNotXML
		}
		switch t := token.(type) {
		case xml.StartElement:
			if p.elements++; p.elements > maxElements {
				return errTooMany
			}
			open = append(open, t.Name)
		case xml.EndElement:
			if t.Name != open[len(open)-1] {
				return errNotXML
			}
			open = open[:len(open)-1]
		}
	}
	return nil
}

// end makes sure that nothing but space, comments and the like follows the root.
func (p *parser) end() error {
	for {
		token, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errTrailing
		}
		switch t := token.(type) {
		case xml.StartElement, xml.EndElement:
			return errTrailing
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errTrailing
			}
		}
	}
}

// members reads the members of one element. The first problem is kept in err; after it every result is zero.
type members struct {
	node node
	err  error
}

// find returns the child of that name. The service never sends one twice, and an answer that does could say both
// success and failure, so that is an error.
func (m *members) find(name string) (string, bool) {
	var text string
	var found bool
	for _, c := range m.node.children {
		if c.name != name {
			continue
		}
		if found {
			m.fail(name, "comes twice")
			return "", false
		}
		if len(c.children) > 0 {
			m.fail(name, "has members of its own")
			return "", false
		}
		text, found = c.text, true
	}
	return text, found && text != ""
}

func (m *members) fail(name, why string) {
	if m.err == nil {
		m.err = fmt.Errorf("member %s %s", name, why)
	}
}

// text reads a string; one that is absent is empty.
func (m *members) text(name string) string {
	s, _ := m.find(name)
	return s
}

// integer, amount and boolean read members that the service always sends: one that is missing is an error.
func (m *members) integer(name string) int {
	s := m.value(name)
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		m.fail(name, "is not an int")
	}
	return int(v)
}

func (m *members) amount(name string) decimal.Decimal {
	s := m.value(name)
	// The decimal package also reads exponents, which a small text can make enormous; .NET never writes them.
	if len(s) > 32 || strings.Trim(s, "0123456789.-") != "" {
		m.fail(name, "is not a decimal")
		return decimal.Decimal{}
	}
	v, err := decimal.NewFromString(s)
	if err != nil {
		m.fail(name, "is not a decimal")
	}
	return v
}

func (m *members) boolean(name string) bool {
	switch strings.ToLower(m.value(name)) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	m.fail(name, "is not a boolean")
	return false
}

func (m *members) value(name string) string {
	s, ok := m.find(name)
	if !ok {
		m.fail(name, "is missing")
	}
	return s
}

// object decodes one element that may be an error answer: a filled Error becomes an *APIError, and then nothing
// else is read.
func object(root, n node, read func(*members)) error {
	m := members{node: n}
	text := m.text("Error")
	if m.err == nil && text != "" {
		return root.apiError(text)
	}
	read(&m)
	if m.err != nil {
		return &UndecodableError{Op: root.op, Err: m.err}
	}
	return nil
}

// list decodes every child called name. One entry with a filled Error makes the whole list an *APIError: that is
// how the service answers a list that it refuses.
func list(root node, name string, read func(*members)) error {
	for _, c := range root.children {
		if c.name != name {
			continue
		}
		if err := object(root, c, read); err != nil {
			return err
		}
	}
	return nil
}

func (n node) apiError(text string) *APIError {
	row := find(text)
	return &APIError{Op: n.op, Kind: row.Kind, Prefix: row.Prefix, Text: strings.TrimSpace(n.redact(text))}
}
