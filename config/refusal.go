package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Refusal says what a provider's text proves.
type Refusal struct {
	// Answer is refused, not_taken or blocked.
	Answer string
	// Code is our reason, Text a regular expression.
	Code, Text string
}

var refusalCode = regexp.MustCompile(`^[a-z_]{3,40}$`)

// refusals reads "answer:code:text" entries. A text may hold commas where the entries are a list.
func refusals(to *[]Refusal) binding {
	return func(v value) error {
		var out []Refusal
		for _, entry := range v.list() {
			parts := strings.SplitN(entry, ":", 3)
			if len(parts) != 3 || !slices.Contains([]string{"refused", "not_taken", "blocked"}, parts[0]) || !refusalCode.MatchString(parts[1]) || parts[2] == "" {
				return fmt.Errorf("%q: write answer:code:text, such as refused:invalid_recipient:^invalid mobile", entry)
			}
			if _, err := regexp.Compile(parts[2]); err != nil {
				return fmt.Errorf("%q: its text is not a regular expression: %w", entry, err)
			}
			out = append(out, Refusal{parts[0], parts[1], parts[2]})
		}
		*to = out
		return nil
	}
}

// prefixTable reads "digits:number" entries.
func prefixTable(to *map[string]int64) binding {
	return func(v value) error {
		out := map[string]int64{}
		for _, entry := range v.list() {
			prefix, text, ok := strings.Cut(entry, ":")
			prefix = strings.TrimSpace(prefix)
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if !ok || err != nil || n <= 0 || prefix == "" || len(prefix) > 10 || strings.Trim(prefix, "0123456789") != "" {
				return fmt.Errorf("%q: write the first digits of the number and a code above 0, such as 98:1", entry)
			}
			if _, twice := out[prefix]; twice {
				return fmt.Errorf("the prefix %s is there twice", prefix)
			}
			out[prefix] = n
		}
		if len(out) == 0 {
			return errors.New("the table is empty: write prefix:code entries")
		}
		*to = out
		return nil
	}
}
