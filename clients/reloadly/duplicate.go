package reloadly

import (
	"bytes"
	"encoding/json"
	"unicode"
	"unicode/utf8"
)

// fewKeys is how many keys of one object are compared one by one; with more of them a map is faster.
const fewKeys = 48

// decodeOnce is decodeJSON for answers that are evidence: it refuses those in which one object has a key twice, in
// whatever case. encoding/json would silently take the last one, so such an answer could mean either.
func decodeOnce(body []byte, v any) error {
	if err := decodeJSON(body, v); err != nil {
		return err
	}
	return noDuplicates(body)
}

// noDuplicates looks for a key that one object has twice. body must be valid JSON. It runs over every answer to a paying
// call, so it reads the body once and copies nothing.
func noDuplicates(body []byte) error {
	s := keyStack{keys: make([]objectKey, 0, fewKeys), open: make([]level, 0, 8)}
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
	keys []objectKey
	open []level
}

// objectKey is a key without quotes and escapes. Two that are plain, so ASCII, can only be the same in length.
type objectKey struct {
	text  []byte
	plain bool
}

func (k objectKey) same(other objectKey) bool {
	if k.plain && other.plain && len(k.text) != len(other.text) {
		return false
	}
	return bytes.EqualFold(k.text, other.text)
}

func isPlain(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
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
func (s *keyStack) add(quoted []byte) bool {
	text := plainKey(quoted)
	key := objectKey{text, isPlain(text)}
	l := &s.open[len(s.open)-1]
	if l.many == nil {
		for _, k := range s.keys[l.first:] {
			if k.same(key) {
				return false
			}
		}
		s.keys = append(s.keys, key)
		if len(s.keys)-l.first > fewKeys {
			l.many = foldedKeys(s.keys[l.first:])
		}
		return true
	}
	folded := foldKey(text)
	if l.many[folded] {
		return false
	}
	l.many[folded] = true
	return true
}

func foldedKeys(keys []objectKey) map[string]bool {
	m := make(map[string]bool, 2*len(keys))
	for _, k := range keys {
		m[foldKey(k.text)] = true
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
