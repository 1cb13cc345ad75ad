package reloadly

import (
	"bytes"
	"encoding/json"
	"unicode"
)

// fewKeys is how many keys of one object are compared one by one; with more of them a map is faster.
const fewKeys = 48

// noDuplicates refuses a body that is not JSON, or in which one object has a key twice, in whatever case.
// encoding/json would silently take the last one, so such an answer could mean either. It runs over every answer to a
// paying call, so it reads the body once and copies nothing.
func noDuplicates(body []byte) error {
	if !json.Valid(body) {
		return errNotJSON
	}
	var s keyStack
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			s.open = append(s.open, level{first: len(s.keys)})
		case '}', ']':
			s.close()
		case '"':
			end := stringEnd(body, i)
			if key := body[i : end+1]; isKey(body[end+1:]) && !s.add(key) {
				return errDuplicate
			}
			i = end
		}
	}
	return nil
}

// keyStack holds the keys of all objects that are open, the innermost last.
type keyStack struct {
	keys [][]byte
	open []level
}

// level is one open object or list: its keys begin at first, and stand folded in many when there are many.
type level struct {
	first int
	many  map[string]bool
}

func (s *keyStack) close() {
	last := len(s.open) - 1
	s.keys = s.keys[:s.open[last].first]
	s.open = s.open[:last]
}

// add notes a key of the innermost object, quotes and all. It reports false when the object has it already.
func (s *keyStack) add(key []byte) bool {
	key = plainKey(key)
	l := &s.open[len(s.open)-1]
	if l.many == nil {
		for _, k := range s.keys[l.first:] {
			if bytes.EqualFold(k, key) {
				return false
			}
		}
		s.keys = append(s.keys, key)
		if len(s.keys)-l.first > fewKeys {
			l.many = foldedKeys(s.keys[l.first:])
		}
		return true
	}
	folded := foldKey(key)
	if l.many[folded] {
		return false
	}
	l.many[folded] = true
	return true
}

func foldedKeys(keys [][]byte) map[string]bool {
	m := make(map[string]bool, 2*len(keys))
	for _, k := range keys {
		m[foldKey(k)] = true
	}
	return m
}

// foldKey is the same for all keys that bytes.EqualFold finds equal.
func foldKey(key []byte) string {
	return string(bytes.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, key))
}

// plainKey is a key without its quotes and escapes.
func plainKey(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return quoted // it is part of valid JSON, so this cannot be
	}
	return []byte(text)
}

// stringEnd is where the string that begins at start has its closing quote. body is valid JSON.
func stringEnd(body []byte, start int) int {
	for i := start + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(body) - 1
}

// isKey reports whether a string that rest follows is a key: in valid JSON only those have a colon behind them.
func isKey(rest []byte) bool {
	for _, c := range rest {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == ':'
		}
	}
	return false
}
