package intake

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// str reads a string literal. Without escapes it is a part of the source and costs no copy.
func (p *jsonParser) str() (string, error) {
	p.pos++
	start := p.pos
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			return p.src[start : p.pos-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.syntax("a control character inside a string")
		}
		p.pos++
	}
	return "", p.syntax("a string is not closed")
}

// escaped goes on with a string that has an escape at p.pos and began at start.
func (p *jsonParser) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(p.src[start:p.pos])
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			return b.String(), nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		case c < 0x20:
			return "", p.syntax("a control character inside a string")
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return "", p.syntax("a string is not closed")
}

// escape reads one escape sequence, or two that are one surrogate pair.
func (p *jsonParser) escape() (rune, error) {
	p.pos++
	c := p.peek()
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		p.pos++
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, p.syntax("an unknown escape in a string")
	}
	high, err := p.hex()
	if err != nil || !utf16.IsSurrogate(high) {
		return high, err
	}
	if !strings.HasPrefix(p.src[p.pos:], `\u`) {
		return 0, p.syntax("half of a surrogate pair in a string")
	}
	p.pos++
	low, err := p.hex()
	if err != nil {
		return 0, err
	}
	r := utf16.DecodeRune(high, low)
	if r == '�' {
		return 0, p.syntax("half of a surrogate pair in a string")
	}
	return r, nil
}

// hex reads the u and the four digits of a unicode escape.
func (p *jsonParser) hex() (rune, error) {
	if p.pos+5 > len(p.src) {
		return 0, p.syntax("an escape in a string is cut")
	}
	n, err := strconv.ParseUint(p.src[p.pos+1:p.pos+5], 16, 16)
	if err != nil {
		return 0, p.syntax("an escape in a string needs four hexadecimal digits")
	}
	p.pos += 5
	return rune(n), nil
}
