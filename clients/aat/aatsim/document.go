package aatsim

import "strings"

const namespace = "https://mobilerechargeapi.gsm.co.za/"

// element is one XML element: text, or children. A value element has a .NET value type, so it is always there.
type element struct {
	name     string
	text     string
	value    bool
	children []element
}

// text is a string member: absent when it is null, which here is empty.
func text(name, s string) element { return element{name: name, text: s} }

// value is a member of a value type: always there.
func value(name, s string) element { return element{name: name, text: s, value: true} }

func boolean(name string, b bool) element {
	if b {
		return value(name, "true")
	}
	return value(name, "false")
}

// object is an element with members.
func object(name string, members ...element) element {
	return element{name: name, children: members}
}

// document writes root the way ASMX does: declaration, two spaces of indentation, CRLF, null members left out.
func document(root element) []byte {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<" + root.name +
		" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"" + namespace + "\"")
	root.writeContent(&b, "")
	return []byte(b.String())
}

// absent reports whether e is a member that is null.
func (e element) absent() bool { return e.text == "" && len(e.children) == 0 && !e.value }

// writeContent writes what follows the name of a start tag.
func (e element) writeContent(b *strings.Builder, indent string) {
	if len(e.children) == 0 && e.text == "" {
		b.WriteString(" />")
		return
	}
	b.WriteString(">" + escape(e.text))
	for _, c := range e.children {
		if !c.absent() {
			b.WriteString("\r\n" + indent + "  <" + c.name)
			c.writeContent(b, indent+"  ")
		}
	}
	if len(e.children) > 0 {
		b.WriteString("\r\n" + indent)
	}
	b.WriteString("</" + e.name + ">")
}

// escape writes text as .NET does; an apostrophe stays.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
