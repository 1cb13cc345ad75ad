package simulation

import "strings"

// glob reports whether text fits pattern, in which * stands for any text and ? for any one character; an empty
// pattern fits everything.
func glob(pattern, text string) bool {
	return pattern == "" || fits(pattern, text)
}

// fits walks through both; where a * turns out to have taken too little, it goes back and lets it take one more.
func fits(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
